"""YAML nodes become frozen dataclasses, and each mistake becomes a fault with its line; all are found in one go.

The dataclass is the only description. Each field is a key: the `Form` in its annotation reads the value, and its
default applies where the key is left out. A field that is itself a dataclass is a section; if it may also be None,
`false` switches it off, and if None is its default, it is off unless it is written.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_type_hints

import yaml

from edge.config.yaml_lines import ODD_BLANK, advice_for
from edge.config.yaml_nodes import ConfigError, line_of, source_lines

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

TOKEN_PATTERN = re.compile(r"APP_USR-|TEST-\d{4}")
"""An access token, wherever somebody has put it; a text that contains one is never shown."""

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
MAX_SHOWN_CHARS = 60
"""What is longer is cut in an error."""

UNREAD: Any = object()
"""Stands for a value that could not be read. `raise_if_faulty` raises before anybody outside can meet one."""


class BadValueError(ValueError):
    """A value is not what its key needs; the text says why, and what to write."""


@dataclass(frozen=True)
class Value:
    """What is written behind a key. `Reader` makes it from a YAML node, and a `Form` reads it."""

    text: str
    """As it is written: `0123` stays 0123."""
    kind: str = "str"
    """YAML's type: `str`, `int`, `float`, `bool`, `timestamp`, ...; `map` or `seq` for a section or a list."""
    folder: Path = Path()
    """The folder of the file, where relative paths begin."""
    confined: bool = False
    """A stranger may have written it: it may name files of that folder only, and devices."""

    def single(self) -> str:
        """Return the text. Raises `BadValueError` for a section, a list, and text that is more than one line."""
        if self.kind == "map":
            raise BadValueError("must be a text; if it has a colon in it, put it in quotes")
        if self.kind == "seq":
            raise BadValueError("is a list; write a single value")
        if CONTROL_CHARACTER.search(self.text):
            raise BadValueError("must be one line without control characters")
        return self.text


@dataclass(frozen=True)
class Form:
    """How the value of a key is read: `read` for a value that is written, `default_from` for one that isn't.

    Both may raise `BadValueError`.
    """

    read: Callable[[Value], Any]
    is_list: bool = False
    """The key holds a list of such values."""
    suffix: str = ""
    """Added to the field's name to make the key: `password` is read from `password_file`."""
    default_from: Callable[[Mapping[str, Any]], Any] | None = None
    """Computes the default from the other fields of the section, where it depends on them."""


@dataclass(frozen=True)
class Key:
    """One key of a section, as `keys_of` takes it from a field of the dataclass."""

    field: str
    name: str
    form: Form
    section: Any
    """The dataclass, if the key is a section; else None."""
    may_be_off: bool
    default: Any
    """`MISSING` where the key is required, or where a section makes its own."""


@cache
def keys_of(shape: "type[DataclassInstance]") -> tuple[Key, ...]:
    """Return the keys of a section in the order of its fields."""
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
    """Reads one file. `given` has texts from elsewhere, by dotted key; they override the file.

    `confined`: a stranger may have written the file; see `Value`. `unread`: keys, dotted, that are not looked at.
    """

    def __init__(
        self,
        path: Path,
        given: Mapping[str, str] = MappingProxyType({}),
        confined: bool = False,
        unread: Collection[str] = (),
    ) -> None:
        self.values: dict[str, Any] = {}
        """Everything that could be read, by dotted key, defaults included."""
        self.written: set[str] = set()
        """The dotted keys that are in the file."""
        self._path = path
        self._given = given
        self._confined = confined
        self._unread = unread
        self._lines = {"": 1}
        self._faults: list[tuple[int, str]] = []
        self._misread: set[str] = set()
        """Sections that are none; what is missing in them may be there, and isn't reported."""
        self._shape: type[DataclassInstance] | None = None

    def read(self, shape: type[T], node: yaml.Node) -> T:
        """Read the whole file as `shape`. The result may be used once `raise_if_faulty` has not raised."""
        self._shape = shape
        return self._section(shape, node, "")

    def fault(self, key: str, text: str) -> None:
        """Note what is wrong with a key, at its own line, or at that of its section if it isn't written."""
        place = key
        while place not in self._lines:
            place = place.rpartition(".")[0]
        self._add(self._lines[place], key, text)

    def raise_if_faulty(self) -> None:
        """Raise `ConfigError` with all faults, in the order of their lines, if there are any."""
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
        for key in sorted(keys, key=lambda key: key.form.default_from is not None):  # these look at the others
            values[key.field] = self._value(key, nodes.get(key.name), _join(path, key.name), values)
        self.values[path] = shape(**values)
        return cast(T, self.values[path])

    def _entries(self, keys: tuple[Key, ...], node: yaml.Node | None, path: str) -> dict[str, yaml.Node]:
        """Return the values of a mapping, by key. Unknown and repeated keys are faults; a null counts as left out."""
        if node is None:
            return {}
        names = [key.name for key in keys]
        if not isinstance(node, yaml.MappingNode):
            self._misread.add(path)
            self._no_section(path, node, f"must be a section with keys of its own: {', '.join(names)}")
            return {}
        entries: dict[str, yaml.Node] = {}
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            name, line = _name(key_node), line_of(key_node)
            if name not in names:
                self._add(
                    line, _join(path, name), f"there is no such key; {_odd(key_node) or self._suggest(name, names)}"
                )
            elif name in seen:
                self._add(line, _join(path, name), f"is here twice, first in line {seen[name]}; remove one of them")
            else:
                seen[name] = self._lines[_join(path, name)] = line
                entries[name] = value
        return {name: value for name, value in entries.items() if _kind(value) != "null"}

    def _no_section(self, path: str, node: yaml.Node, text: str) -> None:
        """Report the lines that make a text of a section or a list, or else `text` at its key."""
        begins = line_of(node)
        lines = source_lines(node) if isinstance(node, yaml.ScalarNode) and begins > self._lines.get(path, 0) else []
        found = [(begins + number, advice) for number, line in enumerate(lines) if (advice := advice_for(line))]
        for line, advice in found:
            self._add(line, path, advice)
        if not found:
            self.fault(path, text)

    def _suggest(self, name: str, names: list[str]) -> str:
        near = closest(name, names)
        if near:
            return f"did you mean {near}?"
        elsewhere = [path for path in _all_keys(self._shape) if path.rpartition(".")[2] == name]
        return f"did you mean {elsewhere[0]}?" if elsewhere else f"the keys here are {', '.join(names)}"

    # --- a key -------------------------------------------------------------------------------------------------------

    def _value(self, key: Key, node: yaml.Node | None, path: str, others: Mapping[str, Any]) -> Any:
        if path in self._unread or path.rpartition(".")[0] in self._misread:
            return UNREAD
        if path in self._given:
            if self._confined and node is not None:  # whoever reads the file without what is given obeys it
                self._read(path, lambda: key.form.read(self._as_value(node)))
            return self._read(path, lambda: key.form.read(Value(self._given[path])))
        if node is not None:
            self.written.add(path)
        if key.section is not None:
            return self._switch(key, node, path)
        if node is None:
            return self._left_out(key, path, others)
        if key.form.is_list:
            return self._list(key.form, node, path)
        return self._read(path, lambda: key.form.read(self._as_value(node)))

    def _switch(self, key: Key, node: yaml.Node | None, path: str) -> Any:
        if key.may_be_off and _is_off(key, node):
            self.values[path] = None
            return None
        # What is left as a truth value is `true`: the section with its defaults.
        return self._section(key.section, None if key.may_be_off and _is_bool(node) else node, path)

    def _left_out(self, key: Key, path: str, others: Mapping[str, Any]) -> Any:
        if key.form.default_from is not None:
            default_from = key.form.default_from
            return self._read(path, lambda: default_from(others))
        if key.default is MISSING:
            self.fault(path, "is missing; add it")
            return UNREAD
        self.values[path] = key.default
        return key.default

    def _list(self, form: Form, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            self._no_section(path, node, "must be a list; write each line of it behind a dash: - text")
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
        except BadValueError as error:
            self.fault(path, str(error))
            return UNREAD
        if value is not UNREAD:
            self.values[path] = value
        return value

    def _as_value(self, node: yaml.Node) -> Value:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        return Value(text, _kind(node), self._path.parent, self._confined)


def closest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that was probably meant, whatever its case; None if none is near."""
    by_case = {each.casefold(): each for each in words}
    import difflib  # only for mistakes

    near = difflib.get_close_matches(word.casefold(), by_case, n=1)
    return by_case[near[0]] if near else None


def shown(written: str) -> str:
    """Return a value as an error shows it: in quotes, cut if it is long, and never an access token."""
    return "an access token" if TOKEN_PATTERN.search(written) else repr(_cut(written))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 3] + "..."


def _all_keys(shape: "type[DataclassInstance] | None", path: str = "") -> Iterator[str]:
    for key in keys_of(shape) if shape else ():
        yield _join(path, key.name)
        yield from _all_keys(key.section, _join(path, key.name))


def _is_off(key: Key, node: yaml.Node | None) -> bool:
    if node is None:
        return key.default is None
    return _is_bool(node) and node.value.lower() in ("false", "no", "off")


def _is_bool(node: yaml.Node | None) -> bool:
    return isinstance(node, yaml.ScalarNode) and _kind(node) == "bool"


def _kind(node: yaml.Node) -> str:
    return str(node.tag).removeprefix("tag:yaml.org,2002:")


def _name(node: yaml.Node) -> str:
    """Return a key in a form that can be shown on a terminal."""
    if not isinstance(node, yaml.ScalarNode):
        return "(a list or a section)"
    name = str(node.value)
    if TOKEN_PATTERN.search(name):
        return "(an access token)"
    short = _cut(name)
    return short if short.isprintable() and short else repr(short)


def _odd(node: yaml.Node) -> str:
    """What to do about a key that is more than a word; "" if it is one."""
    more = isinstance(node, yaml.ScalarNode) and re.search(f"[:/;]|{ODD_BLANK}", node.value)
    return advice_for(node.value) if more else ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
