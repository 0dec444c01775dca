"""Slips, which are printed beside tickets: the list of those that wait, a test, the end of a day, a failure. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge.core.day_report import Day, Entry, Sum
from edge.core.duties import Banner, PrintConcern, PrintFailure
from edge.core.notices import Concern
from edge.core.order import MerchantOrder, Payment
from edge.paper.concern_words import CONCERN_WORDS, GIVEN_BACK, REASON_WORDS
from edge.paper.failure_words import FAILURE_WORDS, Failure, FailureWords
from edge.paper.money import money
from edge.paper.ticket import (
    ALARM,
    HEADLINE,
    PLAIN,
    STRONG,
    Align,
    Cut,
    Feed,
    Line,
    Row,
    Rule,
    Size,
    Style,
    Text,
    clean,
    header,
    notice,
)
from edge.paper.words import WORDS, DayWords, Notice, Words

if TYPE_CHECKING:
    from edge.config.schema import TicketConfig, TillConfig

MOST_ENTRIES = 50
"""Of one kind on the slip of a day. A till whose journal is new would name every payment."""


def lay_out_list(
    orders: tuple[MerchantOrder, ...], ticket: "TicketConfig", till: "TillConfig", columns: int
) -> tuple[Line, ...]:
    """Lay out the list of tickets that wait: when each was paid, what, and how much."""
    words = WORDS[till.language]
    return (
        *notice(words.waiting),
        *header(ticket, till, columns),
        Rule(),
        *(line for order in orders for line in _listed(order, words, till)),
        Rule(),
        Row(words.tickets, str(len(orders)), STRONG),
        Cut(),
    )


def lay_out_test(ticket: "TicketConfig", till: "TillConfig", columns: int) -> tuple[Line, ...]:
    """Lay out a slip that shows how this printer prints, with all letters of the shop's language."""
    words = WORDS[till.language]
    return (
        *notice(words.test),
        *header(ticket, till, columns),
        Rule(),
        Text(words.all_letters),
        Row(till.id, f"{columns}"),
        Rule(),
        Cut(),
    )


def lay_out_pairing(code: str, ticket: "TicketConfig", till: "TillConfig", columns: int) -> tuple[Line, ...]:
    """Lay out the code that lets a device use the till's page, in two halves, for it is typed."""
    middle = len(code) // 2
    return (
        *notice(WORDS[till.language].pairing),
        *header(ticket, till, columns),
        Rule(),
        Text(f"{code[:middle]} {code[middle:]}", ALARM),
        Rule(),
        Cut(),
    )


def _listed(order: MerchantOrder, words: Words, till: "TillConfig") -> Iterator[Line]:
    """Two lines: beside an amount a reference would be torn apart on narrow paper."""
    when = order.paid_at.astimezone(till.timezone).strftime(words.short_date_form)
    yield Row(when, money(order.total, order.currency, order.site))
    yield Text(clean(order.reference))


# --- the end of a day ----------------------------------------------------------------------------------------------

TITLE_STYLE = Style(Align.CENTER, bold=True, size=Size.DOUBLE)


def lay_out_day(day: Day, ticket: "TicketConfig", till: "TillConfig", columns: int) -> tuple[Line, ...]:
    """Lay out the sums of a day, and each difference from Mercado Pago's list."""
    words = WORDS[till.language]
    return (
        Text(words.day.title, TITLE_STYLE),
        *header(ticket, till, columns),
        Rule(),
        *_dates(day, words, till),
        Rule(),
        *_sum(words.tickets, day.tickets, day.site, columns),
        *_count(f"  {words.day.unconfirmed}", day.unconfirmed),
        *_sum(words.day.sold, day.listed, day.site, columns),
        *_count(words.day.cancelled, day.cancelled),
        *_entries(words.day.waiting, day.waiting, day.site, columns),
        *_entries(words.day.on_the_way, day.on_the_way, day.site, columns),
        *_entries(words.day.not_listed_yet, day.not_listed_yet, day.site, columns),
        *_entries(words.day.no_place, day.no_place, day.site, columns),
        *(_sum(words.day.no_order, day.no_order, day.site, columns) if day.no_order.count else ()),
        Rule(),
        *_verdict(day, words.day, columns),
        Cut(),
    )


def _dates(day: Day, words: Words, till: "TillConfig") -> Iterator[Line]:
    yield Row(words.date, day.on.strftime(words.day.date_form), STRONG)
    yield Row(words.day.asked, day.asked_at.astimezone(till.timezone).strftime(words.short_date_form))
    if day.unknown_before:
        yield Row(words.day.unknown, day.unknown_before.astimezone(till.timezone).strftime(words.short_date_form))


def _sum(name: str, what: Sum, site: str, columns: int) -> Iterator[Line]:
    """The first currency, as a rule the only one, stands beside the name."""
    label = f"{name}: {what.count}"
    amounts = [money(amount, currency, site) for currency, amount in what.amounts] or [""]
    yield from _beside(label, amounts[0], columns, STRONG)
    yield from (Row("", amount, STRONG) for amount in amounts[1:])


def _count(name: str, count: int) -> Iterator[Line]:
    """A count of zero needs no line."""
    if count:
        yield Row(name, str(count))


def _verdict(day: Day, words: DayWords, columns: int) -> Iterator[Line]:
    if day.agrees:
        yield Text(words.agrees, HEADLINE)
        return
    yield Text(words.difference.title, ALARM)
    yield from (Text(sentence, HEADLINE) for sentence in words.difference.advice)
    yield from _entries(words.without_ticket, day.without_ticket, day.site, columns)
    yield from _entries(words.without_money, day.without_money, day.site, columns)


def _entries(label: str, entries: tuple[Entry, ...], site: str, columns: int) -> Iterator[Line]:
    """The name and money of each; of more than `MOST_ENTRIES`, only how many more there are."""
    if entries:
        yield Feed()
        yield Text(f"{label}: {len(entries)}", STRONG)
    for entry in entries[:MOST_ENTRIES]:
        yield from _beside(clean(entry.name), money(entry.amount, entry.currency, site), columns)
    if len(entries) > MOST_ENTRIES:
        yield Text(f"+ {len(entries) - MOST_ENTRIES}")


def _beside(name: str, amount: str, columns: int, style: Style = PLAIN) -> tuple[Line, ...]:
    """On one line if there is room, else one below the other."""
    if len(name) + 1 + len(amount) <= columns:
        return (Row(name, amount, style),)
    return Text(name, style), Row("", amount, style)


# --- what fails ----------------------------------------------------------------------------------------------------

MAX_DETAIL_LETTERS = 240
"""The details are for the person who is called, and who has the log."""
MOST_DETAILS = 5


def lay_out_failure(slip: PrintFailure, ticket: "TicketConfig", till: "TillConfig", columns: int) -> tuple[Line, ...]:
    """Lay out what fails, what that means at the counter, what to check, and whom to call."""
    words = FAILURE_WORDS[till.language]
    failure = words.causes[slip.cause]
    return (
        *notice(failure.notice),
        *header(ticket, till, columns),
        Rule(),
        *_what_to_do(failure, words),
        Feed(),
        Text(clean(till.support or words.installer), HEADLINE),
        Rule(),
        *_for_support(slip, words, till),
        Cut(),
    )


def _what_to_do(failure: Failure, words: FailureWords) -> Iterator[Line]:
    yield from map(Text, failure.meaning)
    yield Feed()
    yield Text(words.check, STRONG)
    yield from (Text(f"- {sentence}") for sentence in failure.check)


def _for_support(slip: PrintFailure, words: FailureWords, till: "TillConfig") -> Iterator[Line]:
    """What support will ask for: which till, when, and the details."""
    if till.id:
        yield Row(words.till, till.id)
    if slip.at:
        general = WORDS[till.language]
        yield Row(general.date, slip.at.astimezone(till.timezone).strftime(general.date_form))
    details = slip.why.splitlines()
    if details:
        yield Feed()
        yield Text(words.details, STRONG)
    yield from (Text(f"- {_shortened(clean(detail))}") for detail in details[:MOST_DETAILS])
    if len(details) > MOST_DETAILS:
        yield Text(f"+ {len(details) - MOST_DETAILS}")


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_DETAIL_LETTERS else text[: MAX_DETAIL_LETTERS - 3] + "..."


# --- what a person must look at ------------------------------------------------------------------------------------


def lay_out_concern(slip: PrintConcern, ticket: "TicketConfig", till: "TillConfig", columns: int) -> tuple[Line, ...]:
    """Lay out what happened, what to do, and by which numbers to look it up in Mercado Pago."""
    words = FAILURE_WORDS[till.language]
    concern = CONCERN_WORDS[slip.notice.concern][till.language]
    reason = REASON_WORDS.get(slip.notice.reason)
    return (
        *_repetition(slip, WORDS[till.language]),
        *notice(concern.notice),
        *header(ticket, till, columns),
        Rule(),
        *((Text(reason[till.language]),) if reason else ()),
        *_what_to_do(concern, words),
        Rule(),
        *_looked_up(slip, words, till, columns),
        Cut(),
    )


def _repetition(slip: PrintConcern, words: Words) -> Iterator[Line]:
    """As on the copy of a ticket; but there are no goods to hand over."""
    if slip.is_copy:
        copy = words.banners[Banner.COPY]
        yield from notice(Notice(copy.title, copy.advice[:1]))


def _looked_up(slip: PrintConcern, words: FailureWords, till: "TillConfig", columns: int) -> Iterator[Line]:
    """The operation numbers and sums, and whose they are."""
    general = WORDS[till.language]
    for payment in slip.notice.payments:
        yield from _paid(payment, general, till)
    if slip.notice.reference and slip.notice.reference not in {payment.id for payment in slip.notice.payments}:
        label = general.operation if slip.notice.concern is Concern.PAID_WITHOUT_ORDER else general.reference
        yield Row(label, clean(slip.notice.reference))
    if till.id:
        yield Row(words.till, till.id)


def _paid(payment: Payment, words: Words, till: "TillConfig") -> Iterator[Line]:
    yield Row(words.operation, clean(payment.id))
    yield Row("", money(payment.amount, payment.currency, ""), STRONG)
    if payment.refunded:
        yield Row(GIVEN_BACK[till.language], money(payment.refunded, payment.currency, ""))
    if payment.date_approved:
        yield Row("", payment.date_approved.astimezone(till.timezone).strftime(words.date_form))
