"""Tickets on the paper of a printer with its own reading of ESC/POS: it prints what was laid out."""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from edge.config.schema import TicketConfig, TillConfig
from edge.core.duties import Banner
from edge.core.order import Item, MerchantOrder
from edge.paper.escpos import CODEPAGES, Encoder
from edge.paper.ticket import as_text, lay_out
from sim.printer.paper import Letters, Ticket
from sim.printer.printer import Printer
from tests.support.facts import APPROVED, PAID

BOTH = (Banner.COPY, Banner.LATE)


def order(site: str, currency: str, *items: Item) -> MerchantOrder:
    total = sum((item.amount for item in items), Decimal(0))
    return replace(
        PAID, site=site, items=items, total=total, payments=(replace(APPROVED, amount=total, currency=currency),)
    )


SHOPS = {
    "es": (
        order(
            "MLA",
            "ARS",
            Item("Yerba mate suave con palo 1 kg", Decimal(1), Decimal("4500")),
            Item("Ñoquis de papa «caseros»", Decimal("0.750"), Decimal("9800")),
            Item("¿Pingüinos? Muñeco, último", Decimal(2), Decimal("1250.5")),
        ),
        TicketConfig(
            header=("Almacén Don Pepe", "Av. Corrientes 1234, CABA"),
            legend="DOCUMENTO NO VÁLIDO COMO FACTURA",
            footer=("¡Gracias por su compra!",),
        ),
        TillConfig(id="CAJA01", timezone=ZoneInfo("America/Argentina/Buenos_Aires"), name="Caja 1", language="es"),
    ),
    "pt": (
        order(
            "MLB",
            "BRL",
            Item("Pão de queijo à moda da vovó", Decimal(6), Decimal("4.5")),
            Item("Açaí com maçã, 500 ml", Decimal(1), Decimal("24.9")),
            Item("Café coado ÀS TRÊS, LIMÕES", Decimal(1), Decimal("1200")),
        ),
        TicketConfig(
            header=("Padaria São João", "Praça da Sé, 100, São Paulo"),
            legend="NÃO É DOCUMENTO FISCAL",
            footer=("Obrigado, até amanhã!",),
        ),
        TillConfig(id="CAIXA02", timezone=ZoneInfo("America/Sao_Paulo"), name="Caixa 2", language="pt"),
    ),
}


@pytest.fixture(params=[32, 48], ids=["58 mm", "80 mm"])
def printer(request) -> Iterator[Printer]:
    with Printer(columns=request.param) as printer:
        yield printer


def printed(printer: Printer, ticket: bytes) -> Ticket:
    with socket.create_connection((printer.host, printer.port), timeout=10) as connection:
        connection.sendall(ticket)
    return printer.wait_for_tickets(1)[0]


def essence(text: str) -> str:
    """The letters alone: as text, banners and rules are stars and dashes."""
    return re.sub(r"[\s*─-]", "", text)


@pytest.mark.parametrize("codepage", CODEPAGES)
@pytest.mark.parametrize("language", SHOPS)
def test_what_is_on_the_paper_is_what_was_laid_out(printer, language, codepage):
    lines = lay_out(SHOPS[language][0], BOTH, *SHOPS[language][1:], printer.columns)
    ticket = printed(printer, Encoder(columns=printer.columns, codepage=codepage).encode(lines))
    assert essence(ticket.text) == essence(as_text(lines, printer.columns))
    assert ticket.qrs == [APPROVED.id]
    assert ticket.cut
    assert ticket.drawer_kicks == 0
    assert printer.unknown == []


@pytest.mark.parametrize("language", SHOPS)
def test_amounts_stand_at_the_right_edge(printer, language):
    lines = lay_out(SHOPS[language][0], (), *SHOPS[language][1:], printer.columns)
    ticket = printed(printer, Encoder(columns=printer.columns).encode(lines))
    amounts = [row for row in ticket.rows if isinstance(row, Letters) and "$" in row.text]
    assert len(amounts) == 4
    assert all(len(row.text) == printer.columns for row in amounts)


def test_the_total_and_the_banner_are_what_the_eye_finds_first(printer):
    lines = lay_out(SHOPS["es"][0], (Banner.COPY,), *SHOPS["es"][1:], printer.columns)
    ticket = printed(printer, Encoder(columns=printer.columns).encode(lines))
    large = [row for row in ticket.rows if isinstance(row, Letters) and any(look.height == 2 for _, look in row.cells)]
    banner, name, total = ("".join(letter for letter, _ in row.cells).strip() for row in large)
    assert (banner, name) == ("COPIA", "Almacén Don Pepe")
    assert total.startswith("TOTAL")
    assert all(look.inverse for _, look in large[0].cells)
    assert sum(look.width for _, look in large[0].cells) == printer.columns


def test_the_drawer_opens_with_the_ticket(printer):
    lines = lay_out(SHOPS["es"][0], (), *SHOPS["es"][1:], printer.columns)
    assert printed(printer, Encoder(columns=printer.columns).encode(lines, open_drawer=True)).drawer_kicks == 1
