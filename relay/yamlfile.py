"""Reading a YAML file of sections and plain values such that each fault can be told with its line.

Nothing here knows what a relay is. Values come as the text that was written: `username: 0123` stays "0123".
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import yaml

T = TypeVar("T")
NULL = "tag:yaml.org,2002:null"


class ConfigError(Exception):
    """What a person must mend; `faults` has one line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Unfit(ValueError):
    """A value is not what its key needs; the text says how and what to write."""


@dataclass
class Faults:
    """The faults of one file, as they are found."""

    path: Path
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, text: str) -> None:
        self.found.append((line, text))

    def raise_if_any(self) -> None:
        """Raises `ConfigError` with all faults, in the order of their lines."""
        if self.found:
            raise ConfigError([f"{self.path}:{line}: {text}" for line, text in sorted(self.found)])


@dataclass(frozen=True)
class Section:
    """A mapping of the file. What is asked for and unfit becomes a fault, and the answer is then of no use."""

    name: str
    line: int
    nodes: dict[str, yaml.Node]
    faults: Faults

    def has(self, key: str) -> bool:
        return key in self.nodes

    def path_of(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def fault(self, key: str, text: str) -> None:
        line = _line(self.nodes[key]) if key in self.nodes else self.line
        self.faults.add(line, f"{self.path_of(key)}: {text}")

    def required(self, key: str, read: Callable[[str], T]) -> T:
        """Return what `read` makes of the text under `key`. `read` may raise `Unfit`."""
        try:
            return read(_text(self.nodes.get(key)))
        except Unfit as error:
            self.fault(key, str(error))
            return cast(T, None)  # nobody sees it: `raise_if_any` comes before the configuration is handed out

    def optional(self, key: str, read: Callable[[str], T], default: T) -> T:
        """Return what `read` makes of the text under `key`; the default where there is none."""
        return self.required(key, read) if key in self.nodes else default

    def is_false(self, key: str) -> bool:
        """Say whether something was switched off: `tls: false`."""
        node = self.nodes.get(key)
        return isinstance(node, yaml.ScalarNode) and node.value.lower() in ("false", "no", "off")

    def section(self, key: str, allowed: set[str]) -> "Section":
        """Return the section under `key`; an empty one where there is none."""
        node = self.nodes.get(key)
        if node is None:
            return Section(self.path_of(key), self.line, {}, self.faults)
        return _section(self.path_of(key), node, allowed, self.faults)


def read_section(faults: Faults, allowed: set[str]) -> Section:
    """Read the file of `faults` as one section. Raises `ConfigError` if it is no YAML."""
    path = faults.path
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError([f"{path}: can't be read ({error.strerror}); write it from relay.example.yaml"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not UTF-8; save it as UTF-8"]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([f"{path}:{line}: not YAML: {error.problem}; look at this line and the one above"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not YAML: {error}"]) from None
    return _section("", node or yaml.MappingNode("", []), allowed, faults)


def _section(name: str, node: yaml.Node, allowed: set[str], faults: Faults) -> Section:
    section = Section(name, _line(node), {}, faults)
    if not isinstance(node, yaml.MappingNode):
        faults.add(section.line, f"{name or 'the file'}: needs keys of its own: {', '.join(sorted(allowed))}")
        return section
    for key_node, value in node.value:
        key = str(key_node.value)
        if key not in allowed:
            faults.add(_line(key_node), f"{section.path_of(key)}: no such key{_did_you_mean(key, allowed)}")
        elif key in section.nodes:
            faults.add(_line(key_node), f"{section.path_of(key)}: written twice; remove one")
        elif value.tag != NULL:
            section.nodes[key] = value
    return section


def _did_you_mean(key: str, allowed: set[str]) -> str:
    near = difflib.get_close_matches(key, sorted(allowed), n=1)
    return f"; did you mean {near[0]}?" if near else f"; the keys here are {', '.join(sorted(allowed))}"


def _text(node: yaml.Node | None) -> str:
    if node is None:
        raise Unfit("is missing; add it")
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise Unfit("needs a single value")
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1
