"""The ticket that ends an installer's visit: which till this is, what was tried and found, how to use it. Pure.

It stays at the till. It names each failure in plain words of the shop's language; the same facts make the record that
support finds at the broker.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edge.install.check.acceptance_words import ACCEPTANCE, AcceptanceWords
from edge.install.check.findings import Finding, Findings, Grade, all_well, untried
from edge.install.check.light_words import MEANINGS, Meaning
from edge.paper.ticket import (
    ALARM,
    CENTERED,
    HEADLINE,
    PLAIN,
    STRONG,
    Align,
    Cut,
    Feed,
    Line,
    Qr,
    Row,
    Rule,
    Size,
    Style,
    Text,
    clean,
    header,
    wrap,
)
from edge.paper.words import WORDS

if TYPE_CHECKING:
    from edge.config.schema import TicketConfig, TillConfig

INDENT = "  "
TITLE = Style(Align.CENTER, bold=True, size=Size.DOUBLE)


@dataclass(frozen=True)
class Acceptance:
    """The result of a check. `Check` makes it; the acceptance ticket and the record are made of it."""

    till: str
    at: datetime
    """Aware."""
    version: str
    board: str
    serial: str
    printer: str
    """The model, as far as it is known."""
    hold_s: float
    """How long the button is held to cancel."""
    findings: Findings

    def as_json(self) -> dict[str, Any]:
        return {
            "till": self.till,
            "at": self.at.astimezone(UTC).isoformat(timespec="seconds"),
            "version": self.version,
            "board": self.board,
            "serial": self.serial,
            "printer": self.printer,
            "well": all_well(self.findings),
            "checks": [finding.as_json() for finding in self.findings],
        }


def lay_out_acceptance(
    acceptance: Acceptance, ticket: "TicketConfig", till: "TillConfig", columns: int
) -> tuple[Line, ...]:
    """The lines of the ticket, on paper of `columns` letters."""
    words = ACCEPTANCE[till.language]
    return (
        Text(words.title, TITLE),
        *header(ticket, till, columns),
        Rule(),
        *_identity(acceptance, words, till),
        Rule(),
        *(line for finding in acceptance.findings for line in _found(finding, words, columns)),
        Rule(),
        *_verdict(acceptance.findings, words),
        Text(WORDS[till.language].all_letters, CENTERED),
        Rule(),
        *_how_to(words, MEANINGS[till.language], acceptance.hold_s),
        *_help(till),
        *_signatures(words, columns),
        Cut(),
    )


def _identity(acceptance: Acceptance, words: AcceptanceWords, till: "TillConfig") -> Iterator[Line]:
    form = WORDS[till.language].date_form
    yield Row(WORDS[till.language].date, acceptance.at.astimezone(till.timezone).strftime(form))
    yield Row(words.till, acceptance.till, STRONG)
    if acceptance.serial:
        yield Row(words.serial, clean(acceptance.serial))
    yield Row(words.version, clean(acceptance.version))
    yield Row(words.printer, clean(acceptance.printer))


def _found(finding: Finding, words: AcceptanceWords, columns: int) -> Iterator[Line]:
    """A line for each part, and a sentence if somebody has to do something about it, or to know."""
    value = "" if _bad(finding) else finding.value  # "FAILED 1 ms" would read as if 1 ms were the fault
    grade = f"{words.grades[finding.grade]} {value}".rstrip()
    yield Row(words.parts[finding.part], grade, STRONG if _bad(finding) else PLAIN)
    if finding.cause is not None:
        rows = wrap(words.causes[finding.cause], columns - len(INDENT))
        yield from (Text(INDENT + row) for row in rows)


def _help(till: "TillConfig") -> Iterator[Line]:
    if till.support:
        yield from (Feed(), Text(clean(till.support), HEADLINE))
    if till.help_url:
        yield from (Feed(), Qr(till.help_url), Text(till.help_url.removeprefix("https://"), CENTERED))


def _signatures(words: AcceptanceWords, columns: int) -> Iterator[Line]:
    for who in words.signs:
        yield Feed()
        yield Text(f"{who} ".ljust(columns, "_"))


def _bad(finding: Finding) -> bool:
    return finding.grade is Grade.FAILED


def _verdict(findings: Findings, words: AcceptanceWords) -> Iterator[Line]:
    if all_well(findings):
        left_out = ", ".join(words.parts[finding.part] for finding in untried(findings))
        yield Text(words.tried if left_out else words.well, HEADLINE)
        if left_out:
            yield Text(words.untried.format(left_out))
    else:
        yield Text(words.failed, ALARM)
        yield Text(words.failures.format(sum(map(_bad, findings))), HEADLINE)
    yield Feed()


def _how_to(words: AcceptanceWords, meanings: Iterable[Meaning], hold_s: float) -> Iterator[Line]:
    yield Text(words.lights, STRONG)
    yield from (Text(meaning.on_ticket) for meaning in meanings)
    yield Feed()
    yield Text(words.button, STRONG)
    for sentence in words.presses:
        yield Text(sentence.format(hold_s))
