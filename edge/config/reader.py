"""YAML nodes become frozen dataclasses, and each mistake becomes a fault with its line; all are found in one go.

A dataclass is all the description there is. A field is a key; its annotation holds a `Form`, which says how the value
is read; its default holds where the key is left out. A field that is a dataclass itself is a section, and one that may
also be None is switched off by `false`.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_type_hints

import yaml

from edge.config.yaml_nodes import ConfigError, line_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

TOKEN = re.compile(r"APP_USR-|TEST-\d{4}")
"""An access token, wherever somebody has put it: what holds one is never shown."""

UNREAD: Any = object()
"""Stands for a value that could not be read. Nobody outside sees one: `raise_if_faulty` comes first."""


class Unfit(ValueError):
    """A value is not what its key needs; the text says how, and what to write."""


@dataclass(frozen=True)
class Value:
    """What stands behind a key: the text as it is written, and what YAML takes it for."""

    text: str
    kind: str = "str"
    """`str`, `int`, `float`, `bool`, `timestamp`, ...; `map` or `seq` where it is no single value."""
    folder: Path = Path()
    """Where the file lies: relative paths begin there."""


@dataclass(frozen=True)
class Form:
    """How a value is read. `read` and `instead` may raise `Unfit`."""

    read: Callable[[Value], Any]
    many: bool = False
    """A list of such values."""
    suffix: str = ""
    """What the key has behind the name of the field: `password` is read from `password_file`."""
    instead: Callable[[Mapping[str, Any]], Any] | None = None
    """What holds where the key is left out, if that depends on the other fields of the section."""


@dataclass(frozen=True)
class Key:
    """One key of a section."""

    field: str
    name: str
    form: Form
    section: Any
    """The dataclass, if the key is a section; else None."""
    may_be_off: bool
    default: Any


@cache
def keys_of(shape: "type[DataclassInstance]") -> tuple[Key, ...]:
    """Describe the keys of a section in the order of its fields."""
    hints = get_type_hints(shape, include_extras=True)
    return tuple(_key(each.name, list(_parts(hints[each.name])), each.default) for each in fields(shape))


def _key(field: str, parts: list[Any], default: Any) -> Key:
    form = next((part for part in parts if isinstance(part, Form)), None)
    section = None if form else next(part for part in parts if is_dataclass(part))
    form = form or Form(lambda value: value)
    return Key(field, field + form.suffix, form, section, NoneType in parts, default)


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


class Reader:
    """Reads one file. `given` are texts by dotted key that come from elsewhere and outrank what is written."""

    def __init__(self, path: Path, given: Mapping[str, str]) -> None:
        self.values: dict[str, Any] = {}
        """All that was read, by dotted key, defaults included; what was unfit is left out."""
        self.written: set[str] = set()
        self._path = path
        self._given = given
        self._lines = {"": 1}
        self._faults: list[tuple[int, str]] = []
        self._shape: type[DataclassInstance] | None = None

    def read(self, shape: type[T], node: yaml.Node) -> T:
        """Read the whole file as `shape`. Of use only if `raise_if_faulty` doesn't raise."""
        self._shape = shape
        return self._section(shape, node, "")

    def fault(self, key: str, text: str) -> None:
        """Note what is wrong with a key; where it isn't written, its section's line is told."""
        place = key
        while place not in self._lines:
            place = place.rpartition(".")[0]
        self._add(self._lines[place], key, text)

    def raise_if_faulty(self) -> None:
        """Raises `ConfigError` with all faults, in the order of their lines."""
        if self._faults:
            ordered = sorted(self._faults, key=lambda fault: fault[0])
            raise ConfigError([f"{self._path}:{line}: {text}" for line, text in ordered])

    def _add(self, line: int, key: str, text: str) -> None:
        self._faults.append((line, f"{key or 'the file'}: {text}"))

    # --- a section ---------------------------------------------------------------------------------------------------

    def _section(self, shape: type[T], node: yaml.Node | None, path: str) -> T:
        keys = keys_of(shape)
        nodes = self._entries(keys, node, path)
        values: dict[str, Any] = {}
        for key in sorted(keys, key=lambda key: key.form.instead is not None):  # those look at the others
            values[key.field] = self._value(key, nodes.get(key.name), _join(path, key.name), values)
        self.values[path] = shape(**values)
        return cast(T, self.values[path])

    def _entries(self, keys: tuple[Key, ...], node: yaml.Node | None, path: str) -> dict[str, yaml.Node]:
        """The values of a mapping. Unknown and repeated keys are faults; a key without a value counts as left out."""
        if node is None:
            return {}
        names = [key.name for key in keys]
        if not isinstance(node, yaml.MappingNode):
            self.fault(path, f"must be a section with keys of its own: {', '.join(names)}")
            return {}
        entries: dict[str, yaml.Node] = {}
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            name, line = _name(key_node), line_of(key_node)
            if name not in names:
                self._add(line, _join(path, name), f"there is no such key; {self._suggest(name, names)}")
            elif name in seen:
                self._add(line, _join(path, name), f"is here twice, first in line {seen[name]}; remove one of them")
            else:
                seen[name] = self._lines[_join(path, name)] = line
                entries[name] = value
        return {name: value for name, value in entries.items() if _kind(value) != "null"}

    def _suggest(self, name: str, names: list[str]) -> str:
        near = closest(name, names)
        if near:
            return f"did you mean {near}?"
        elsewhere = [path for path in _all_keys(self._shape) if path.rpartition(".")[2] == name]
        return f"did you mean {elsewhere[0]}?" if elsewhere else f"the keys here are {', '.join(names)}"

    # --- a key -------------------------------------------------------------------------------------------------------

    def _value(self, key: Key, node: yaml.Node | None, path: str, others: Mapping[str, Any]) -> Any:
        if path in self._given:
            return self._read(path, lambda: key.form.read(Value(self._given[path])))
        if node is not None:
            self.written.add(path)
        if key.section is not None:
            return self._switch(key, node, path)
        if node is None:
            return self._left_out(key, path, others)
        if key.form.many:
            return self._many(key.form, node, path)
        return self._read(path, lambda: key.form.read(self._as_value(node)))

    def _switch(self, key: Key, node: yaml.Node | None, path: str) -> Any:
        if key.may_be_off and isinstance(node, yaml.ScalarNode) and _kind(node) == "bool":
            if node.value.lower() in ("false", "no", "off"):
                self.values[path] = None
                return None
            node = None
        return self._section(key.section, node, path)

    def _left_out(self, key: Key, path: str, others: Mapping[str, Any]) -> Any:
        if key.form.instead is not None:
            instead = key.form.instead
            return self._read(path, lambda: instead(others))
        if key.default is MISSING:
            self.fault(path, "is missing; add it")
            return UNREAD
        self.values[path] = key.default
        return key.default

    def _many(self, form: Form, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            self.fault(path, "must be a list; write each line of it behind a dash: - text")
            return UNREAD
        items = []
        for number, item in enumerate(node.value, start=1):
            place = f"{path}[{number}]"
            self._lines[place] = line_of(item)
            value = self._as_value(item)
            items.append(self._read(place, lambda value=value: form.read(value)))  # type: ignore[misc]
        return tuple(items)

    def _read(self, path: str, read: Callable[[], Any]) -> Any:
        try:
            value = read()
        except Unfit as error:
            self.fault(path, str(error))
            return UNREAD
        if value is not UNREAD:
            self.values[path] = value
        return value

    def _as_value(self, node: yaml.Node) -> Value:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        return Value(text, _kind(node), self._path.parent)


def closest(word: str, words: Iterable[str]) -> str | None:
    """Return what somebody may have meant, whatever the case."""
    by_case = {each.casefold(): each for each in words}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1)
    return by_case[near[0]] if near else None


def _all_keys(shape: "type[DataclassInstance] | None", path: str = "") -> Iterator[str]:
    for key in keys_of(shape) if shape else ():
        yield _join(path, key.name)
        yield from _all_keys(key.section, _join(path, key.name))


def _kind(node: yaml.Node) -> str:
    return str(node.tag).removeprefix("tag:yaml.org,2002:")


def _name(node: yaml.Node) -> str:
    """A key, fit to be shown on a terminal."""
    if not isinstance(node, yaml.ScalarNode):
        return "(a list or a section)"
    name = str(node.value)
    if TOKEN.search(name):
        return "(an access token)"
    short = name if len(name) <= 60 else name[:57] + "..."
    return short if short.isprintable() and short else repr(short)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
