"""Which tills are meant by `--all` and `--where KEY=VALUE`: those whose last status is like that. Pure.

A till that is off is chosen like any other, and not asked: it can carry out nothing, and would be waited for in vain.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from relay.fleet.rows import Row

OURS = ("till", "help", "check")
"""Keys of a row in `till-relay fleet --json`, besides those of the status."""


class UnknownKeyError(Exception):
    """No till has this key; the text says which there are."""


class Condition(NamedTuple):
    """One `--where`."""

    key: str
    value: str


class Choice(NamedTuple):
    """The tills that are meant."""

    on: tuple[str, ...]
    off: tuple[str, ...]
    """Without a connection to the broker, by their status."""


def chosen(rows: Iterable[Row], conditions: Sequence[Condition]) -> Choice:
    """Return the tills that meet all conditions, in the order of their names. Raises `UnknownKeyError`."""
    tills = [(row, _facts(row)) for row in rows]
    known = {key for _, facts in tills for key in facts}
    for condition in conditions:
        if tills and condition.key not in known:
            raise UnknownKeyError(f"no till's status has {condition.key!r}; there are {', '.join(sorted(known))}")
    met = sorted(
        (row for row, facts in tills if all(_meets(facts, each) for each in conditions)), key=lambda row: row.till
    )
    on = tuple(row.till for row in met if not row.status.is_gone)
    return Choice(on, tuple(row.till for row in met if row.status.is_gone))


def _facts(row: Row) -> Mapping[str, Any]:
    return {**row.status.facts, "till": row.till, "help": row.help.value, "check": row.check.value}


def _meets(facts: Mapping[str, Any], condition: Condition) -> bool:
    value = facts.get(condition.key)
    return any(_written(each) == condition.value for each in (value if isinstance(value, list) else [value]))


def _written(value: object) -> str:
    """As it stands in JSON, but a text without quotes: true, null, 12, ready."""
    return value if isinstance(value, str) else json.dumps(value)
