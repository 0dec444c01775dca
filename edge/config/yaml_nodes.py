"""A YAML file as nodes that know their lines. A file that is not YAML is refused in plain words, with line and column.

PyYAML's parser is used, but not its constructor, which keeps the last of two equal keys and reads `010` as eight.
Anchors and aliases are refused: no configuration needs them, and they turn kilobytes into gigabytes.
"""

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from edge.config.yaml_lines import blamed, stands_out

MAX_FILE_BYTES = 65536
"""The example, with all its explanations, has about 5,000."""
TILL_EXAMPLE = "config.example.yaml"

NOT_INDENTED = "this line is not indented like its neighbours; keys of one section begin in one column"
PLAIN_WORDS = (
    (r"found character '(.)' that cannot start", r"a text can't begin with \1; put it in quotes"),
    (
        r"mapping values are not allowed",
        "a colon where none can be; is the line indented like its neighbours? A text with a colon in it needs quotes",
    ),
    (r"expected <block end>", NOT_INDENTED),
    (r"could not find expected ':'", "a key without a colon before here; write it as: key: value"),
    (r"unexpected end of stream", "the quotes that are opened here are never closed"),
    (r"expected ',' or '(.)'", r"what is opened here is never closed with \1, or a comma is missing in it"),
    (
        r"comment or a line break|chomping|alphabetic or numeric",
        "a text can't begin with > | * & or %; put it in quotes",
    ),
    (r"unknown escape character", r"a backslash in double quotes means something else; use single quotes"),
    (r"another document", "a second document; remove the line with ---"),
    (r"found duplicate anchor|undefined alias", "& and * can't be used here; put the text in quotes"),
)
"""What PyYAML reports, and what a person can do about it."""


class ConfigError(Exception):
    """A person must correct the configuration; `faults` has one line for each mistake."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class _Loader(yaml.SafeLoader):
    """In pure Python, because the C loader has no `compose_node`; a configuration is small."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="undefined alias", problem_mark=event.start_mark)
        return super().compose_node(parent, index)  # type: ignore[arg-type]


def compose(path: Path, example: str = TILL_EXAMPLE) -> yaml.Node:
    """Read a file. Raises `ConfigError`, which names `example` where a file has to be written anew."""
    return _parse(_text(path, example), path, example)


def compose_what_can_be_read(path: Path) -> yaml.Node:
    """Read the sections of a file that are YAML, and skip the others. Raises `ConfigError`."""
    entries: list[tuple[yaml.Node, yaml.Node]] = []
    for section in re.split(r"^(?=[^\s#])", _text(path, TILL_EXAMPLE), flags=re.MULTILINE):
        with contextlib.suppress(ConfigError):
            node = _parse(section, path, TILL_EXAMPLE)
            entries += node.value if isinstance(node, yaml.MappingNode) else []
    return yaml.MappingNode("tag:yaml.org,2002:map", entries)


def _parse(text: str, path: Path, example: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([f"{path}:{fault}" for fault in _explain(error, text)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError([f"{path}:{line}: an unprintable character; remove it"]) from None
    except RecursionError:
        raise ConfigError([f"{path}: nested too deeply; start from {example}"]) from None
    except (ValueError, OverflowError):  # PyYAML lets them through for "\UFFFFFFFF"
        raise ConfigError([f"{path}: a backslash with a number that is no character; use single quotes"]) from None
    if node is None:
        raise ConfigError([f"{path}: is empty; start from {example}"])
    return node


def source_lines(node: yaml.Node) -> list[str]:
    """Return the lines of the file that a node takes up, the first one from where it begins."""
    begin, end = node.start_mark, node.end_mark
    return (begin.buffer or "")[begin.pointer : end.pointer].splitlines()


def line_of(node: yaml.Node) -> int:
    """Return the line on which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def _text(path: Path, example: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file; start from {example}"]) from None
    except OSError as error:
        # `Path.is_dir` raises for a folder that we may not enter.
        advice = "name the file in it" if os.path.isdir(path) else "use sudo, or let this user read it"
        raise ConfigError([f"{path}: can't be read ({error.strerror}); {advice}"]) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError([f"{path}: has more than {MAX_FILE_BYTES} bytes; is it the right file?"])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: is not UTF-8; save the file as UTF-8"]) from None


def _explain(error: yaml.MarkedYAMLError, text: str) -> list[str]:
    """Return `line:column: what is wrong; what to do` for the mistake that was noticed, or for those that led to it."""
    problem = str(error.problem)
    # PyYAML notices too late that something is unfinished; the place where it began is more useful.
    began = error.context_mark if re.search(r"end of stream|expected ':'|expected ','", problem) else None
    mark = began or error.problem_mark or error.context_mark
    if mark is None:
        return [f" is not YAML ({problem})"]
    if tab := re.match(r" *\t", text[mark.index - mark.column :]):
        return [f"{mark.line + 1}:{tab.end()}: a tab; indent with blanks only"]
    lines = text.splitlines()
    if to_blame := sorted(blamed(lines, mark.line)):
        return [f"{number + 1}: {advice}" for number, advice in to_blame]
    first_colon = "mapping values" in problem and ":" not in lines[mark.line][: mark.column]
    if first_colon and (number := stands_out(lines, mark.line)) is not None:
        return [f"{number + 1}: {NOT_INDENTED}"]
    return [f"{mark.line + 1}:{mark.column + 1}: {_in_plain_words(problem)}"]


def _in_plain_words(problem: str) -> str:
    for pattern, words in PLAIN_WORDS:
        found = re.search(pattern, problem)
        if found:
            return found.expand(words)
    return f"is not YAML ({problem}); look at this line and the one above"
