"""Frozen mappings: copies that lack or gain something, and one that changes in the time of a small one. Pure."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

MAX_REMEMBERED = 1000
"""How many entries a memory has that is bounded only to stay small; the oldest go first."""
SHARDS = 256


def without(mapping: Mapping[Key, Value], *keys: Key) -> Mapping[Key, Value]:
    """A copy of `mapping` that lacks `keys`; itself if it does."""
    there = [key for key in keys if key in mapping]
    if not there:
        return mapping
    copy = dict(mapping)
    for key in there:
        copy.pop(key, None)  # it may be named twice
    return copy


def remember(mapping: Mapping[Key, Value], key: Key, value: Value, most: int = MAX_REMEMBERED) -> Mapping[Key, Value]:
    """A copy of `mapping` with one more entry, and at most `most` in all."""
    grown = dict(mapping)
    grown.pop(key, None)
    grown[key] = value
    while len(grown) > most:
        del grown[next(iter(grown))]
    return grown


class Shelf(Mapping[Key, Value], Generic[Key, Value]):
    """A large frozen mapping. A changed copy shares all but one of `SHARDS` dicts with the original.

    So a till that remembers a hundred thousand orders changes one of them about as fast as a till that remembers ten,
    and `changes_since` compares only what isn't shared. The order of iteration means nothing.
    """

    __slots__ = ("_shards", "_size")

    def __init__(self, items: Mapping[Key, Value] | None = None) -> None:
        shards: list[dict[Key, Value]] = [{} for _ in range(SHARDS)]
        for key, value in (items or {}).items():
            shards[hash(key) % SHARDS][key] = value
        self._shards: tuple[Mapping[Key, Value], ...] = tuple(shards)
        self._size = sum(map(len, shards))

    def __getitem__(self, key: Key) -> Value:
        return self._shards[hash(key) % SHARDS][key]

    def __iter__(self) -> Iterator[Key]:
        for shard in self._shards:
            yield from shard

    def __len__(self) -> int:
        return self._size

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return f"Shelf({dict(self)!r})"

    def put(self, key: Key, value: Value) -> "Shelf[Key, Value]":
        number = hash(key) % SHARDS
        return self._with_shard(number, {**self._shards[number], key: value})

    def drop(self, key: Key) -> "Shelf[Key, Value]":
        """A copy that lacks `key`; itself if it does."""
        if key not in self:
            return self
        number = hash(key) % SHARDS
        return self._with_shard(number, without(self._shards[number], key))

    def changes_since(self, before: "Shelf[Key, Value]") -> Iterator[tuple[Key, Value]]:
        """The entries that `before` lacks or has otherwise."""
        if self is before:
            return
        for mine, theirs in zip(self._shards, before._shards, strict=True):
            if mine is not theirs:
                yield from ((key, value) for key, value in mine.items() if theirs.get(key) is not value)

    def dropped_since(self, before: "Shelf[Key, Value]") -> Iterator[Key]:
        """The keys that only `before` has."""
        if self is before:
            return
        for mine, theirs in zip(self._shards, before._shards, strict=True):
            if mine is not theirs:
                yield from (key for key in theirs if key not in mine)

    def _with_shard(self, number: int, shard: Mapping[Key, Value]) -> "Shelf[Key, Value]":
        changed: Shelf[Key, Value] = object.__new__(Shelf)
        changed._shards = (*self._shards[:number], shard, *self._shards[number + 1 :])
        changed._size = self._size + len(shard) - len(self._shards[number])
        return changed
