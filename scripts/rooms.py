"""Draws the rooms of edge/ and which knows which, from the imports: `make diagram` puts it into ARCHITECTURE.md.

An arrow is drawn from a room to those it imports, save where the way leads through another room anyway: all the arrows
together are too many to be read. What is printed counts all of them.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grimp

from scripts.diagram import put

ROOT = Path(__file__).parent.parent
ROOMS_HEAD = "flowchart TD\n"

Arrow = tuple[str, str]
"""A room, and one that it imports."""


@dataclass(frozen=True)
class House:
    """The rooms and the imports between them. Made from the code; `layers` are those of the contract, the top first."""

    rooms: frozenset[str]
    arrows: frozenset[Arrow]
    layers: tuple[frozenset[str], ...]

    def below(self, room: str) -> set[str]:
        """All that a room imports, directly or through others."""
        found: set[str] = set()
        waiting = [room]
        while waiting:
            here = waiting.pop()
            fresh = {known for room, known in self.arrows if room == here} - found
            found |= fresh
            waiting += fresh
        return found

    @property
    def circles(self) -> set[frozenset[str]]:
        """Groups of rooms of which each needs all others."""
        below = {room: self.below(room) for room in self.rooms}
        return {
            frozenset(other for other in below[room] if room in below[other])
            for room in self.rooms
            if room in below[room]
        }

    @property
    def against_the_grain(self) -> set[Arrow]:
        """The arrows that don't lead further down in the contract."""
        depth = {room: number for number, layer in enumerate(self.layers) for room in layer}
        return {(room, known) for room, known in self.arrows if depth.get(room, 0) >= depth.get(known, 0)}

    @property
    def storeys(self) -> int:
        """How many rooms the longest way down leads through. There must be no circle."""

        def height(room: str) -> int:
            return 1 + max((height(known) for above, known in self.arrows if above == room), default=0)

        return max(map(height, self.rooms))

    @property
    def shown(self) -> Iterator[Arrow]:
        """The arrows without which a room could not be reached from another any more. There must be no circle."""
        for room, known in sorted(self.arrows):
            others = {other for above, other in self.arrows if above == room} - {known}
            if not any(known in self.below(other) for other in others):
                yield room, known


def house() -> House:
    """The house as the code has it. `__main__` is its door, and no room."""
    graph = grimp.build_graph("edge", cache_dir=None, exclude_type_checking_imports=True)
    room = {module: module.split(".")[1] for module in graph.modules if module not in ("edge", "edge.__main__")}
    arrows = {
        (room[module], room[known])
        for module in room
        for known in graph.find_modules_directly_imported_by(module)
        if known in room
    }
    between = frozenset((above, known) for above, known in arrows if above != known)
    return House(frozenset(room.values()), between, _layers())


def _layers() -> tuple[frozenset[str], ...]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["id"] == "edge"]
    return tuple(frozenset(name.strip(" ()") for name in layer.split("|")) for layer in layers)


def drawing(house: House) -> str:
    """The rooms as a flowchart, a circle is left out of it."""
    return ROOMS_HEAD + "".join(f"    {above} --> {known}\n" for above, known in house.shown)


def counts(house: House) -> str:
    storeys = "no way down" if house.circles else f"{house.storeys} layers"
    lines = [f"{len(house.rooms)} rooms, {storeys}, {len(house.arrows)} arrows between rooms"]
    lines.append(f"{len(house.circles)} circles, {len(house.against_the_grain)} arrows against the grain")
    lines += [f"  a circle: {', '.join(sorted(circle))}" for circle in house.circles]
    lines += [f"  against the grain: {above} -> {known}" for above, known in sorted(house.against_the_grain)]
    return "\n".join(lines)


if __name__ == "__main__":
    put(ROOMS_HEAD, drawing(house()))
    print(counts(house()))
