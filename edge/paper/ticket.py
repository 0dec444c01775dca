"""A paid order as a ticket: neutral lines, which the encoder turns into bytes and `as_text` into text. Pure.

The total, the date and the operation numbers are Mercado Pago's. Where the money or the items differ from the total,
both are printed. The payer's name and document never are. Text from outside is cleaned before it is laid out, for one
control character in a title could open the drawer.
"""

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from edge.core.duties import Banner
from edge.core.order import NEVER, Item, MerchantOrder
from edge.paper.money import count, money
from edge.paper.words import WORDS, Notice, Words

if TYPE_CHECKING:
    from edge.config.schema import TicketConfig, TillConfig

# --- neutral lines -------------------------------------------------------------------------------------------------


class Align(StrEnum):
    LEFT = "left"
    CENTER = "center"


class Size(Enum):
    """How many times wider and higher than the printer's own letters."""

    NORMAL = (1, 1)
    TALL = (1, 2)
    DOUBLE = (2, 2)

    @property
    def width(self) -> int:
        return self.value[0]

    @property
    def height(self) -> int:
        return self.value[1]


@dataclass(frozen=True)
class Style:
    align: Align = Align.LEFT
    bold: bool = False
    size: Size = Size.NORMAL
    inverse: bool = False
    """White on black, over the whole width."""


PLAIN = Style()
STRONG = Style(bold=True)
CENTERED = Style(Align.CENTER)
HEADLINE = Style(Align.CENTER, bold=True)
ALARM = Style(Align.CENTER, bold=True, size=Size.DOUBLE, inverse=True)


@dataclass(frozen=True)
class Text:
    """A paragraph; it wraps."""

    text: str
    style: Style = PLAIN


@dataclass(frozen=True)
class Row:
    """A text on the left, which wraps, and one at the right edge, as a rule an amount."""

    left: str
    right: str
    style: Style = PLAIN


@dataclass(frozen=True)
class Rule:
    """A line across the paper."""


@dataclass(frozen=True)
class Qr:
    data: str


@dataclass(frozen=True)
class Logo:
    """The shop's picture, if the printer has one."""


@dataclass(frozen=True)
class Feed:
    """Empty lines."""

    lines: int = 1


@dataclass(frozen=True)
class Cut:
    """The end of the ticket."""


Line = Text | Row | Rule | Qr | Logo | Feed | Cut


# --- the ticket ----------------------------------------------------------------------------------------------------


def lay_out(
    order: MerchantOrder, banners: tuple[Banner, ...], ticket: "TicketConfig", till: "TillConfig", columns: int
) -> tuple[Line, ...]:
    """Lay out the ticket of a paid order on paper of `columns` letters."""
    words = WORDS[till.language]
    return (
        *_banners(banners, words),
        *header(ticket, till, columns),
        Rule(),
        *_items(order),
        *_total(order, words, columns),
        Rule(),
        *_payment(order, words, till),
        *_footer(order, ticket),
        Cut(),
    )


def _banners(banners: Iterable[Banner], words: Words) -> Iterator[Line]:
    for banner in banners:
        yield from notice(words.banners[banner])


def notice(said: Notice) -> Iterator[Line]:
    """Lay out a title that can't be overlooked, and what the cashier is to do."""
    yield Text(said.title, ALARM)
    yield from (Text(sentence, HEADLINE) for sentence in said.advice)
    yield Feed()


def header(ticket: "TicketConfig", till: "TillConfig", columns: int) -> Iterator[Line]:
    """Lay out whose paper this is: the logo, the shop, the till."""
    if ticket.logo is not None:
        yield Logo()
    for number, text in enumerate(map(clean, ticket.header)):
        yield Text(text, CENTERED if number else Style(Align.CENTER, bold=True, size=_largest(len(text), columns)))
    if till.name:
        yield Text(clean(till.name), CENTERED)


def _items(order: MerchantOrder) -> Iterator[Line]:
    for item in order.items:
        amount = _shown(item.amount, order)
        if item.quantity == 1:
            yield Row(clean(item.title), amount)
        else:
            yield Text(clean(item.title))
            yield Row(f"  {_times(item, order)}", amount)
    if order.items:
        yield Rule()


def _times(item: Item, order: MerchantOrder) -> str:
    return f"{count(item.quantity, order.currency, order.site)} x {_shown(item.unit_price, order)}"


def _total(order: MerchantOrder, words: Words, columns: int) -> Iterator[Line]:
    subtotal = sum((item.amount for item in order.items), Decimal(0))
    if order.items and _shown(subtotal, order) != _shown(order.total, order):
        yield Row(words.subtotal, _shown(subtotal, order))
        yield Row(words.adjustment, _shown(order.total - subtotal, order))
    total = _shown(order.total, order)
    yield Row(words.total, total, Style(bold=True, size=_largest(len(words.total) + 1 + len(total), columns)))
    if order.received != order.due:
        yield Row(words.paid, _shown(order.received, order), STRONG)


def _payment(order: MerchantOrder, words: Words, till: "TillConfig") -> Iterator[Line]:
    yield Text(words.paid_with, HEADLINE)
    yield Feed()
    if order.paid_at > NEVER:
        yield Row(words.date, order.paid_at.astimezone(till.timezone).strftime(words.date_form))
    for payment in order.approved:
        yield Row(words.operation, clean(payment.id))
    yield Row(words.reference, clean(order.reference))


def _footer(order: MerchantOrder, ticket: "TicketConfig") -> Iterator[Line]:
    if ticket.legend:
        yield Feed()
        yield Text(clean(ticket.legend), HEADLINE)
    if ticket.footer:
        yield Feed()
        yield from (Text(clean(text), CENTERED) for text in ticket.footer)
    if ticket.qr:
        for payment in order.approved:
            yield Feed()
            yield Qr(clean(payment.id))


def _shown(amount: Decimal, order: MerchantOrder) -> str:
    return money(amount, order.currency, order.site)


def _largest(length: int, columns: int) -> Size:
    """The largest letters in which `length` of them fit on one line."""
    if length <= columns // Size.DOUBLE.width:
        return Size.DOUBLE
    return Size.TALL if length <= columns else Size.NORMAL


# --- words ---------------------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """Drop whatever doesn't take one column: control, bidirectional and zero-width characters, lone accents."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(letter for letter in composed if not _invisible(letter))


def _invisible(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category.startswith("C") or category in ("Mn", "Me")


# --- lines on paper ------------------------------------------------------------------------------------------------


def wrap(text: str, columns: int) -> list[str]:
    """Break a paragraph at its spaces, and inside a word only if the word is wider than the paper."""
    return textwrap.wrap(text, columns) or [""]


def justify(left: str, right: str, columns: int) -> list[str]:
    """Wrap `left` and put `right` at the end of its last line, or below it where too little room would be left."""
    room = columns - len(right) - 1
    if room < columns // 3:
        return [*wrap(left, columns), *(part.rjust(columns) for part in wrap(right, columns))]
    *above, last = wrap(left, room)
    return [*above, last + right.rjust(columns - len(last))]


def as_text(lines: Iterable[Line], columns: int) -> str:
    """Show the ticket as plain text, for screens and tests."""
    return "\n".join(row.rstrip() for line in lines for row in _rows(line, columns)) + "\n"


def _rows(line: Line, columns: int) -> list[str]:
    match line:
        case Text(text, Style(inverse=True)):
            return [f" {row} ".center(columns, "*") for row in wrap(text, columns - 2)]
        case Text(text, Style(align=Align.CENTER)):
            return [row.center(columns) for row in wrap(text, columns)]
        case Text(text):
            return wrap(text, columns)
        case Row(left, right):
            return justify(left, right, columns)
        case Rule():
            return ["-" * columns]
        case Qr(data):
            return [f"[QR {data}]".center(columns)]
        case Logo():
            return ["[logo]".center(columns)]
        case Feed(count):
            return [""] * count
        case Cut():
            return [("- " * columns)[:columns]]
