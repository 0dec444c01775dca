"""YAML -> frozen dataclasses, with every mistake found in one go and each told with its line.

A dataclass is the schema: its fields are the keys, their metadata says how a value is read (see `key`). PyYAML's own
loader is not used, only its parser: it would take the second of two equal keys, read `no` as False and `010` as 8.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml

T = TypeVar("T")
BROKEN: Any = object()
"""Stands for a value that could not be read; whatever holds one is broken too, and is not checked further."""
Reader = Callable[[yaml.Node], Any]


class ConfigError(Exception):
    """What a person must mend; `faults` has one line for each mistake."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Unfit(ValueError):
    """A value is not what its key needs; the text says how, and what to write.

    A dataclass that refuses its values in `__post_init__` names the key to blame as `at`, from its own section on.
    """

    def __init__(self, what: str, at: str = "") -> None:
        super().__init__(what)
        self.at = at


@dataclass
class Faults:
    """The mistakes of one file, as they are found."""

    path: Path
    found: list[tuple[int, str]]

    def add(self, node: yaml.Node | None, where: str, what: str) -> None:
        self.found.append((_line(node), f"{where}: {what}"))

    def error(self) -> ConfigError:
        return ConfigError([f"{self.path}:{line}: {text}" for line, text in sorted(self.found)])


def key(read: Callable[[str], Any], default: Any = MISSING, written: str | None = None) -> Any:
    """A key whose text `read` turns into a value, or refuses by `Unfit`.

    It is required, unless it has a default, or a text that is read as if it had been `written`.
    """
    as_written = None if written is None else yaml.ScalarNode("", written)
    return field(default=default, metadata={"read": lambda node: read(scalar(node)), "written": as_written})


def special(read: Reader, default: Any = MISSING) -> Any:
    """A key of a shape of its own: `read` gets the YAML node."""
    return field(default=default, metadata={"read": read})


def section(kind: type, required: bool = False) -> Any:
    """A section, which is a dataclass itself. One that is not required may be left out: all its keys may."""
    return field(metadata={"section": kind, "required": required})


def read_file(path: Path, kind: type[T]) -> T:
    """Read a file as `kind`. Raises `ConfigError` with all the mistakes."""
    faults = Faults(path, [])
    value = read_mapping(_compose(path), kind, "", faults)
    if faults.found:
        raise faults.error()
    return value


def read_mapping(node: yaml.Node | None, kind: type[T], where: str, faults: Faults) -> T:
    """Read a mapping as `kind`; whatever is wrong with it goes into `faults`."""
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    nodes = _entries(node, known, where, faults)
    values = {name: _value(each, nodes.get(name), node, _path(where, name), faults) for name, each in known.items()}
    if any(value is BROKEN for value in values.values()):
        return cast(T, BROKEN)
    try:
        return kind(**values)
    except Unfit as error:
        faults.add(_find(node, error.at), _path(where, error.at) if error.at else where, str(error))
        return cast(T, BROKEN)


def _value(each: "Field[Any]", node: yaml.Node | None, parent: yaml.Node | None, where: str, faults: Faults) -> Any:
    kind = each.metadata.get("section")
    if kind is not None:
        if node is None and each.metadata["required"]:
            faults.add(parent, where, "this section is missing; see config.example.yaml")
            return BROKEN
        return read_mapping(node, kind, where, faults)
    to_read = node or each.metadata.get("written")
    if to_read is None and each.default is MISSING:
        faults.add(parent, where, "is missing; add it")
        return BROKEN
    try:
        return each.default if to_read is None else each.metadata["read"](to_read)
    except Unfit as error:
        faults.add(node or parent, where, str(error))
        return BROKEN


def _entries(node: yaml.Node | None, known: Mapping[str, Any], where: str, faults: Faults) -> dict[str, yaml.Node]:
    """The values of a mapping by key; unknown and repeated keys are faults, and empty ones count as left out."""
    if node is None or _is_null(node):
        return {}
    if not isinstance(node, yaml.MappingNode):
        faults.add(node, where or "the file", f"needs keys of its own: {', '.join(known)}")
        return {}
    found: dict[str, yaml.Node] = {}
    for key_node, value in node.value:
        name = str(key_node.value)
        if name not in known:
            faults.add(key_node, _path(where, name), f"there is no such key; {_suggest(name, known)}")
        elif name in found:
            faults.add(key_node, _path(where, name), f"is here twice, first in line {_line(found[name])}; remove one")
        else:
            found[name] = value
    return {name: value for name, value in found.items() if not _is_null(value)}


def _find(node: yaml.Node | None, path: str) -> yaml.Node | None:
    """The node at the end of a path of keys, or as near to it as there is one."""
    name, _, rest = path.partition(".")
    entries = node.value if isinstance(node, yaml.MappingNode) else []
    for key_node, value in entries:
        if key_node.value == name:
            return _find(value, rest) if rest else value
    return node


def scalar(node: yaml.Node) -> str:
    """The text of a plain value, as it is written. Raises `Unfit`."""
    if not isinstance(node, yaml.ScalarNode):
        raise Unfit("is a list or a section; write a single value")
    return str(node.value)


def texts(node: yaml.Node) -> tuple[str, ...]:
    """A list of lines; a single value is a list of one. Raises `Unfit`."""
    if isinstance(node, yaml.ScalarNode):
        return (scalar(node),)
    if not isinstance(node, yaml.SequenceNode) or not all(isinstance(each, yaml.ScalarNode) for each in node.value):
        raise Unfit('needs lines of text; write them as a list: ["first", "second"]')
    return tuple(str(each.value) for each in node.value)


def _compose(path: Path) -> yaml.Node | None:
    try:
        text = path.read_bytes().decode()
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            # An alias makes kilobytes into gigabytes, and no configuration needs one.
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
                raise ConfigError([f"{path}:{token.start_mark.line + 1}: & and * are not used here; quote the value"])
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror}; write it after config.example.yaml"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}" if mark else ""
        raise ConfigError(
            [f"{path}{place}: is no YAML: {error.problem}; look at this line and the one above"]
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError([f"{path}: is no YAML: {str(error).splitlines()[0][:100]}"]) from None


def _suggest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(known)}"


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None and node.start_mark else 1
