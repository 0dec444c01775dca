"""Whatever people write, no text on a ticket is a command to the printer."""

from dataclasses import dataclass, replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.schema import TicketConfig, TillConfig
from edge.core.duties import Banner
from edge.core.order import Item
from edge.paper.escpos import CODEPAGES, Encoder
from edge.paper.slips import lay_out_list
from edge.paper.ticket import Line, clean, lay_out
from sim.printer.escpos import RealTimeScanner, take
from sim.printer.head import Cut, Effect, Head, Kick
from sim.printer.paper import Code
from tests.support.examples import examples
from tests.support.facts import APPROVED, PAID

COLUMNS = 48
COMMANDS = {"ESC @", "FS .", "ESC R", "ESC t", "ESC a", "ESC E", "GS !", "GS B", "ESC d", "GS V", "GS ( k"}
"""All that a ticket may contain beside letters and line feeds."""

hostile = st.lists(
    st.sampled_from(
        [
            *("\x1bp\x00\x19\xfa", "\x1b@", "\x1bt\x00", "\x1dV\x00", "\x1d(k\x03\x001Q0", "\x1c.", "\x18", "\x0c"),
            *("\x10\x14\x01\x00\x01", "\x10\x05\x02", "\n", "\x7f", "\u202e", "\u2028", "\u200b", "\ufdfa", "e\u0301"),
            *("€", "←", "Yerba 1 kg", "  "),
        ]
    )
    | st.text(max_size=20),
    max_size=5,
).map("".join)


def printed(ticket: bytes) -> tuple[list[str], list[Effect]]:
    """The names of its commands, and what they do in the simulated printer."""
    buffer, head, commands, effects = bytearray(ticket), Head(COLUMNS), [], []
    while buffer:
        command = take(buffer)
        assert command is not None, "the ticket ends in mid-command"
        done = head.execute(command)
        assert done is not None, f"{command} is not known, or can't be there"
        effects += done
        commands += [command.name] if command.name not in ("", "LF") else []
    return commands, effects


def as_many_letters(text: str) -> str:
    """A text of which as much is printed as of this one."""
    return "x" * len(clean(text)) or " " * len(text)


@dataclass(frozen=True)
class Texts:
    """All texts on a ticket that come from outside."""

    title: str
    header: str
    footer: str
    name: str
    reference: str
    payment: str

    def tickets(self, currency: str) -> list[tuple[Line, ...]]:
        payment = replace(APPROVED, id=self.payment, currency=currency)
        items = (Item(self.title, Decimal(1), Decimal(5350)), Item(self.title, Decimal(2), Decimal(1)))
        order = replace(PAID, external_reference=self.reference, items=items, payments=(payment,))
        ticket = TicketConfig(header=(self.header, self.header), legend=self.footer, footer=(self.footer,))
        till = TillConfig(id="CAJA01", name=self.name, timezone=ZoneInfo("America/Argentina/Buenos_Aires"))
        return [
            lay_out(order, (), ticket, till, COLUMNS),
            lay_out(order, tuple(Banner), ticket, till, COLUMNS),
            lay_out_list((order, order), ticket, till, COLUMNS),
        ]


@pytest.fixture(scope="module", params=CODEPAGES)
def encoder(request) -> Encoder:
    return Encoder(columns=COLUMNS, codepage=request.param)


@examples(60)
@given(st.builds(Texts, *[hostile] * 6), hostile | st.sampled_from(["ARS", "CLP"]))
def test_no_text_is_a_command_to_the_printer(encoder, texts, currency):
    harmless = Texts(*map(as_many_letters, vars(texts).values()))
    for lines, harmless_lines in zip(texts.tickets(currency), harmless.tickets(currency), strict=True):
        ticket = encoder.encode(lines)
        commands, effects = printed(ticket)
        assert [command for _, command in RealTimeScanner().pieces(ticket) if command] == []
        assert set(commands) <= COMMANDS
        assert commands == printed(encoder.encode(harmless_lines))[0]
        assert [effect for effect in effects if isinstance(effect, Cut | Kick)] == [Cut()] == effects[-1:]
        assert {effect.data for effect in effects if isinstance(effect, Code)} <= {clean(texts.payment)}
