"""What is said aloud for each sign, in three languages, and by how many beeps it is known: the table of sounds.

A sentence is a row of pieces, each recorded once; that of a sale has the sum behind its first piece. Beeps are counted
alike by a buzzer and by a printer's bell.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.duties import Heard, Play
from edge.paper.spoken_amounts import all_pieces, pieces_of_amount, pieces_of_number


@dataclass(frozen=True)
class SpokenWords:
    """The sentences of one language."""

    received: str
    """Stands before a sum."""
    several: str
    """Stands behind the number of sales that are heard as one."""
    sentences: Mapping[Heard, str]
    beeps: Mapping[Heard, str]
    """How `BEEPS` is named, for the cashier's card."""


SPOKEN_WORDS: Mapping[str, SpokenWords] = {
    "es": SpokenWords(
        received="Recibimos",
        several="pagos recibidos",
        sentences={
            Heard.PAID: "Pago recibido",
            Heard.HOLDING: "Cancelando",
            Heard.CANCELLED: "Orden cancelada",
            Heard.ATTENTION: "Atención, revise los últimos tickets",
            Heard.PRINTER: "Revise la impresora",
            Heard.UNREACHABLE: "Sin conexión con Mercado Pago, no entregue",
        },
        beeps={
            Heard.PAID: "dos cortos",
            Heard.HOLDING: "cinco cortos",
            Heard.CANCELLED: "uno largo",
            Heard.ATTENTION: "tres largos",
            Heard.PRINTER: "largo, corto",
            Heard.UNREACHABLE: "dos largos",
        },
    ),
    "pt": SpokenWords(
        received="Recebemos",
        several="pagamentos recebidos",
        sentences={
            Heard.PAID: "Pagamento recebido",
            Heard.HOLDING: "Cancelando",
            Heard.CANCELLED: "Pedido cancelado",
            Heard.ATTENTION: "Atenção, confira os últimos tickets",
            Heard.PRINTER: "Confira a impressora",
            Heard.UNREACHABLE: "Sem conexão com o Mercado Pago, não entregue",
        },
        beeps={
            Heard.PAID: "dois curtos",
            Heard.HOLDING: "cinco curtos",
            Heard.CANCELLED: "um longo",
            Heard.ATTENTION: "três longos",
            Heard.PRINTER: "longo, curto",
            Heard.UNREACHABLE: "dois longos",
        },
    ),
    "en": SpokenWords(
        received="We received",
        several="payments received",
        sentences={
            Heard.PAID: "Payment received",
            Heard.HOLDING: "Cancelling",
            Heard.CANCELLED: "Order cancelled",
            Heard.ATTENTION: "Attention, check the last tickets",
            Heard.PRINTER: "Check the printer",
            Heard.UNREACHABLE: "No connection to Mercado Pago, hand over nothing",
        },
        beeps={
            Heard.PAID: "two short",
            Heard.HOLDING: "five short",
            Heard.CANCELLED: "one long",
            Heard.ATTENTION: "three long",
            Heard.PRINTER: "long, short",
            Heard.UNREACHABLE: "two long",
        },
    ),
}

FEW_SALES = 10
"""More are hardly ever heard as one, so that their number is recorded when it is needed."""
SHORT_S, LONG_S = 0.1, 0.5
BEEPS: Mapping[Heard, tuple[float, ...]] = {
    Heard.PAID: (SHORT_S, SHORT_S),
    Heard.HOLDING: (SHORT_S,) * 5,
    Heard.CANCELLED: (LONG_S,),
    Heard.ATTENTION: (LONG_S, LONG_S, LONG_S),
    Heard.PRINTER: (LONG_S, SHORT_S),
    Heard.UNREACHABLE: (LONG_S, LONG_S),
}
"""How long each beep lasts; a short pause stands between two."""


def sentence(play: Play, language: str, with_amount: bool) -> tuple[str, ...]:
    """The pieces of what is said. A sum that we have no words for is left out."""
    words = SPOKEN_WORDS[language]
    if play.sign is not Heard.PAID:
        return (words.sentences[play.sign],)
    if play.sales > 1:
        return *pieces_of_number(play.sales, language), words.several
    amount = pieces_of_amount(play.amount, play.currency, language) if with_amount else ()
    return (words.received, *amount) if amount else (words.sentences[Heard.PAID],)


def all_sentences(language: str, with_amount: bool) -> tuple[str, ...]:
    """Every piece that a till can need, what a sale needs first."""
    words = SPOKEN_WORDS[language]
    amounts = (words.received, *all_pieces(language)) if with_amount else ()
    numbers = (piece for number in range(2, FEW_SALES) for piece in pieces_of_number(number, language))
    return tuple(dict.fromkeys((*words.sentences.values(), *amounts, *numbers, words.several)))
