"""What Mercado Pago's JSON may hold, taken out field by field. Pure; an undocumented shape raises `DecodeError`.

Numbers arrive as `int` or `Decimal`, never `float`. Ids leave as strings: they exceed 32 bits, and nobody computes with
them.
"""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from sys import intern
from typing import Any, Generic, TypeVar

Json = Mapping[str, Any]
Found = TypeVar("Found")

AMOUNT_MAGNITUDES = range(-15, 15)
"""Powers of ten that an amount may have."""
MAX_DIGITS = 50
MAX_TEXT_LENGTH = 1000
MAX_ID_LENGTH = 40
COUNT = re.compile("[0-9]{1,9}", re.ASCII)
ID = re.compile(f"[A-Za-z0-9_-]{{1,{MAX_ID_LENGTH}}}", re.ASCII)
"""One segment of a path, so that no id can lead to another address."""
shared_decimal = lru_cache(maxsize=1024)(Decimal)
"""From digits: one number for all orders that have it, for a till remembers tens of thousands of them."""


class DecodeError(ValueError):
    """The answer is not what the documentation promises; the text says where."""


def decode_json(body: bytes) -> Any:
    """Any JSON, with exact numbers. Raises `DecodeError`."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise DecodeError(f"no JSON: {str(error)[:80]} in {body[:60]!r}") from None


def encode_json(value: Json) -> bytes:
    """An object as JSON, with `Decimal` as numbers. Raises `ValueError` for values that JSON lacks."""
    return json.dumps(value, ensure_ascii=False, default=_number, allow_nan=False).encode()


@dataclass(frozen=True)
class Page(Generic[Found]):
    """One page of a search. An element that can't be decoded is left out, so that it doesn't hide the others."""

    found: tuple[Found, ...]
    size: int
    """How many elements the page has, those that were left out included."""
    total: int
    """How many there are on all pages."""


def page_of(page: Json, key: str, decode: Callable[[Any], Found], total: int) -> Page[Found]:
    elements = list_of(page, key)
    found = []
    for element in elements:
        with contextlib.suppress(DecodeError):
            found.append(decode(element))
    return Page(tuple(found), len(elements), total)


def as_object(value: Any, name: str) -> Json:
    if not isinstance(value, dict):
        raise DecodeError(f"{name} is a {type(value).__name__}, not an object")
    return value


def list_of(holder: Json, key: str) -> list[Any]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DecodeError(f"{key} is a {type(value).__name__}, not a list")
    return value


def id_of(holder: Json, key: str) -> str:
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise DecodeError(f"{key} is no id")
    # As a number first: Python refuses to convert integers of thousands of digits to text.
    if isinstance(value, int) and abs(value) >= 10**MAX_ID_LENGTH:
        raise DecodeError(f"{key} is too long for an id")
    if not ID.fullmatch(str(value)):
        raise DecodeError(f"{key} is no id")
    return str(value)


def text_of(holder: Json, key: str) -> str:
    """A string; "" where it is null or missing. An id of a point of sale may come as a number."""
    value = holder.get(key)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return id_of(holder, key)
    if not isinstance(value, str):
        raise DecodeError(f"{key} is a {type(value).__name__}, not a string")
    return intern(printable(value[:MAX_TEXT_LENGTH]))  # the same few words in each of thousands of orders


def printable(text: str) -> str:
    """Without lone surrogates: they are legal JSON, but can be neither printed nor stored."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def required_amount(holder: Json, key: str) -> Decimal:
    if holder.get(key) is None:
        raise DecodeError(f"{key} is missing")
    return amount_of(holder, key)


def amount_of(holder: Json, key: str) -> Decimal:
    value = holder.get(key)
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise DecodeError(f"{key} is a {type(value).__name__}, not a number")
    try:
        written = str(value)
        amount = shared_decimal(written) if len(written) <= 2 * MAX_DIGITS else Decimal(written)
    except (InvalidOperation, ValueError):
        raise DecodeError(f"{key} is no number") from None
    # No comparison: Decimal can hold a number that is too large to be compared.
    digits = len(amount.as_tuple().digits)
    if not amount.is_finite() or amount.adjusted() not in AMOUNT_MAGNITUDES or digits > MAX_DIGITS:
        raise DecodeError(f"{key} is out of all proportion")
    return amount


def count_of(holder: Json, key: str) -> int:
    """A number, or its digits as text: so the Orders API counts. 0 for anything else."""
    value = holder.get(key)
    if isinstance(value, str) and COUNT.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def date_of(holder: Json, key: str) -> datetime | None:
    """An instant of this century, or None: a ticket without a date is better than no ticket."""
    value = holder.get(key)
    if not isinstance(value, str):
        return None
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    return date if date.tzinfo and 2000 < date.year < 2100 else None


def _number(value: object) -> float | int:
    """JSON numbers are doubles, which keep the two decimals of any till's amount."""
    if not isinstance(value, Decimal):
        raise ValueError(f"{value!r} can't be part of an order")
    return int(value) if value == value.to_integral_value() else float(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def iso(date: datetime) -> str:
    """A date as the searches take it, to the millisecond: a piece of a list begins where the last one ended."""
    return date.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
