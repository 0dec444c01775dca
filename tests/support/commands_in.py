"""The commands in a page, and whether our parsers understand them."""

import argparse
import re
import shlex
from collections.abc import Iterable, Iterator

from edge.cli.main import _parser as till_edge
from provision.command import parser as till_provision
from relay.__main__ import _parser as till_relay

PROGRAMS = {"till-edge": till_edge, "till-relay": till_relay, "till-provision": till_provision}
COMMAND = re.compile(r"(?:^|\$\()(?:sudo )?(?:\S*/)?((?:till-edge|till-relay|till-provision) .*)")
END = re.compile(r"\s#|\s{2,}|[)|>;…]|&&")
"""A comment, a column of words, another command."""
CONTINUED = re.compile(r"\s*\\\n\s*")
BLOCK = re.compile(r"^ {4,}([^\n]+)$|^```\w*\n(.*?)^```", re.M | re.S)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LISTED = re.compile(r"\S\s{2,}[^#\s]")
"""A line of a table, with what the command does beside it."""


def shown(page: str) -> Iterator[str]:
    """The commands on lines of their own, to be typed as they stand."""
    yield from _commands(line for line in _lines(page) if not LISTED.search(line))


def mentioned(page: str) -> Iterator[str]:
    """The commands in a sentence or a list, where arguments may be left out."""
    yield from _commands(line for line in _lines(page) if LISTED.search(line))
    yield from _commands(SPAN.findall(BLOCK.sub("", page)))


def _lines(page: str) -> list[str]:
    """The lines of its code, without indentation."""
    blocks = BLOCK.findall(CONTINUED.sub(" ", page))
    return [text.strip() for line, block in blocks for text in (line or block).splitlines()]


def targets(page: str) -> set[str]:
    """The targets of `make` in a page."""
    code = [*SPAN.findall(BLOCK.sub("", page)), *_lines(page)]
    return {target for text in code for target in re.findall(r"(?:^|&& )make ([a-z-]+)", text)}


def _commands(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if found := COMMAND.search(text):
            yield END.split(found[1])[0].strip()


def is_understood(command: str, whole: bool = True) -> bool:
    """Whether the program accepts it; `whole`: with nothing left out. The reason is on stderr."""
    program, *words = shlex.split(command)
    parser = PROGRAMS[program]()
    if not whole:
        return _is_known(parser, words)
    try:
        parser.parse_args(words)
    except SystemExit as done:
        return not done.code
    return True


def _is_known(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    """Whether the command and each of the options exist."""
    for word in words:
        commands = next((action.choices for action in parser._actions if isinstance(action.choices, dict)), {})
        if commands:
            if word not in commands:
                return False
            parser = commands[word]
        elif word.startswith("--") and word not in parser._option_string_actions:
            return False
    return True
