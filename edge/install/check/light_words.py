"""What each light means and what to do, in three languages: the only source of these sentences for the acceptance
ticket, the README's table and the cashier's card. How a light looks is `edge.machine.panel.LIGHTS`; the words on paper
are in `edge.paper.words`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.status import Signal


@dataclass(frozen=True)
class Meaning:
    """What one light means. Without a signal: the panel is dark."""

    signals: tuple[Signal, ...]
    looks: str
    means: str
    do: str
    on_ticket: str
    """The same in short, for the acceptance ticket, which has 32 letters in a line."""
    more: str = ""
    """In the README only: the card has no room for it."""


S = Signal

ENGLISH = (
    Meaning((S.READY,), "green", "ready", "sell", "green: ready to sell"),
    Meaning(
        (S.WAITING,),
        "yellow, slow",
        "an order waits for its payment",
        "wait",
        "yellow, slow: an order waits for its payment",
        "noticed when scanned, when the button is pressed, or within a minute",
    ),
    Meaning(
        (S.WORKING,), "yellow, fast", "checking or printing", "wait a moment", "yellow, fast: checking or printing"
    ),
    Meaning(
        (S.PAID,), "green, fast (3 s)", "paid; the ticket is out", "hand over the goods", "green, fast: PAID, hand over"
    ),
    Meaning(
        (S.POLLING,),
        "green with a yellow flash",
        "ready, but no notifications arrive; it asks Mercado Pago itself",
        "sell; it takes some seconds longer",
        "green with a yellow flash: ready, some seconds slower",
    ),
    Meaning((S.STARTING,), "yellow", "starting", "wait; after five minutes, call", "yellow: starting"),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "yellow and fast red",
        "the button is held, or the order was cancelled",
        "to keep the order, release within two seconds",
        "yellow and fast red: button held, or order cancelled",
    ),
    Meaning(
        (S.ATTENTION,),
        "green and red alternating",
        "a person must check",
        "check the last tickets and slips; then press the button",
        "green and red: a person must check",
        "`problems` in the status says what",
    ),
    Meaning(
        (S.PRINTER,),
        "red, slow",
        "printer: no paper, cover open, or not connected",
        "check the printer; tickets come when it is back",
        "red, slow: check the printer",
    ),
    Meaning(
        (S.UNREACHABLE,),
        "red",
        "Mercado Pago can't be reached",
        "don't hand over goods on a phone's word",
        "red: no connection, don't hand over",
    ),
    Meaning(
        (S.IDENTIFY,),
        "all three in sequence",
        "support asks which till this is",
        "answer: this one",
        "all in sequence: support asks which till this is",
    ),
    Meaning((), "dark", "no power, or broken", "check the plug; then call", "dark: no power, or broken: call"),
)

SPANISH = (
    Meaning((S.READY,), "verde", "lista", "vender", "verde: lista para vender"),
    Meaning(
        (S.WAITING,),
        "amarilla, lenta",
        "una orden espera el pago",
        "esperar",
        "amarilla lenta: una orden espera el pago",
        "se nota al escanearla, al apretar el botón, o en menos de un minuto",
    ),
    Meaning(
        (S.WORKING,),
        "amarilla, rápida",
        "consultando o imprimiendo",
        "esperar un momento",
        "amarilla rápida: consultando o imprimiendo",
    ),
    Meaning(
        (S.PAID,),
        "verde, rápida (3 s)",
        "pagado; ya salió el ticket",
        "entregar la mercadería",
        "verde rápida: PAGADO, entregue",
    ),
    Meaning(
        (S.POLLING,),
        "verde con un destello amarillo",
        "lista, pero sin avisos: consulta sola a Mercado Pago",
        "vender; tarda unos segundos más",
        "verde con destello amarillo: lista, sin avisos; tarda un poco más",
    ),
    Meaning(
        (S.STARTING,), "amarilla", "arrancando", "esperar; después de cinco minutos, llamar", "amarilla: arrancando"
    ),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "amarilla y roja rápida",
        "alguien mantiene el botón, o se canceló la orden",
        "para conservar la orden, soltar antes de dos segundos",
        "amarilla y roja rápida: botón mantenido, u orden cancelada",
    ),
    Meaning(
        (S.ATTENTION,),
        "verde y roja alternadas",
        "alguien tiene que revisar",
        "revisar los últimos papeles; después, apretar el botón",
        "verde y roja: alguien tiene que revisar",
        "`problems` en el estado dice qué",
    ),
    Meaning(
        (S.PRINTER,),
        "roja, lenta",
        "impresora: sin papel, con la tapa abierta o desconectada",
        "revisar la impresora; los tickets salen cuando vuelve",
        "roja lenta: revise la impresora",
    ),
    Meaning(
        (S.UNREACHABLE,),
        "roja",
        "sin conexión con Mercado Pago",
        "no entregar por lo que muestre un teléfono",
        "roja: sin conexión, no entregue",
    ),
    Meaning(
        (S.IDENTIFY,),
        "las tres en secuencia",
        "soporte pregunta cuál es esta caja",
        "contestar: es ésta",
        "las tres en secuencia: soporte pregunta cuál es esta caja",
    ),
    Meaning(
        (),
        "apagada",
        "sin corriente, o rota",
        "revisar el enchufe; después, llamar",
        "apagadas: sin corriente, o rota: llame",
    ),
)

PORTUGUESE = (
    Meaning((S.READY,), "verde", "pronto", "vender", "verde: pronto para vender"),
    Meaning(
        (S.WAITING,),
        "amarela, lenta",
        "um pedido espera o pagamento",
        "esperar",
        "amarela lenta: um pedido espera o pagamento",
        "percebido quando é escaneado, ao apertar o botão, ou em menos de um minuto",
    ),
    Meaning(
        (S.WORKING,),
        "amarela, rápida",
        "consultando ou imprimindo",
        "esperar um momento",
        "amarela rápida: consultando ou imprimindo",
    ),
    Meaning(
        (S.PAID,),
        "verde, rápida (3 s)",
        "pago; o ticket já saiu",
        "entregar a mercadoria",
        "verde rápida: PAGO, entregue",
    ),
    Meaning(
        (S.POLLING,),
        "verde com um lampejo amarelo",
        "pronto, mas sem avisos: consulta sozinho o Mercado Pago",
        "vender; demora alguns segundos a mais",
        "verde com lampejo amarelo: pronto, sem avisos; demora um pouco mais",
    ),
    Meaning(
        (S.STARTING,),
        "amarela",
        "iniciando",
        "esperar; depois de cinco minutos, chamar o suporte",
        "amarela: iniciando",
    ),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "amarela e vermelha rápida",
        "alguém segura o botão, ou o pedido foi cancelado",
        "para manter o pedido, soltar antes de dois segundos",
        "amarela e vermelha rápida: botão segurado, ou pedido cancelado",
    ),
    Meaning(
        (S.ATTENTION,),
        "verde e vermelha alternadas",
        "alguém precisa conferir",
        "conferir os últimos papéis; depois, apertar o botão",
        "verde e vermelha: alguém precisa conferir",
        "`problems` no status diz o quê",
    ),
    Meaning(
        (S.PRINTER,),
        "vermelha, lenta",
        "impressora: sem papel, com a tampa aberta ou desconectada",
        "conferir a impressora; os tickets saem quando ela volta",
        "vermelha lenta: confira a impressora",
    ),
    Meaning(
        (S.UNREACHABLE,),
        "vermelha",
        "sem conexão com o Mercado Pago",
        "não entregar pelo que aparece num celular",
        "vermelha: sem conexão, não entregue",
    ),
    Meaning(
        (S.IDENTIFY,),
        "as três em sequência",
        "o suporte pergunta qual é este caixa",
        "responder: é este",
        "as três em sequência: o suporte pergunta qual é este caixa",
    ),
    Meaning(
        (),
        "apagada",
        "sem energia, ou com defeito",
        "conferir a tomada; depois, chamar o suporte",
        "apagadas: sem energia, ou com defeito: chame o suporte",
    ),
)

MEANINGS: Mapping[str, tuple[Meaning, ...]] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
"""In the order in which a cashier meets them."""
