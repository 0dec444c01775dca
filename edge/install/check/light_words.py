"""What each light means and what to do, in three languages: the one place that the acceptance ticket, the README's
table and the card for the till take their sentences from. How a light looks is `edge.panel.LIGHTS`; what is on paper is
`edge.words`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.status import Signal


@dataclass(frozen=True)
class Meaning:
    """What one light says. No signal at all: the panel is dark."""

    signals: tuple[Signal, ...]
    looks: str
    means: str
    do: str
    on_ticket: str
    """All of it on the acceptance ticket, which has 32 letters in a line."""
    more: str = ""
    """Said in the README only: a card at the till has no room for it."""


S = Signal

ENGLISH = (
    Meaning((S.READY,), "green", "ready", "sell", "green: ready to sell"),
    Meaning(
        (S.WAITING,),
        "yellow, slow",
        "an order waits for its payment",
        "wait",
        "yellow, slow: an order waits for its payment",
        "seen at its scan, within a minute, or at a press",
    ),
    Meaning(
        (S.WORKING,), "yellow, fast", "checking, or printing", "wait a moment", "yellow, fast: asking, or printing"
    ),
    Meaning(
        (S.PAID,), "green, fast (3 s)", "paid; the ticket is out", "hand over the goods", "green, fast: PAID, hand over"
    ),
    Meaning(
        (S.POLLING,),
        "green with a yellow flash",
        "ready, but nobody rings: it looks for itself",
        "sell; it takes some seconds longer",
        "green with a yellow flash: ready, looks for itself: takes some seconds",
    ),
    Meaning((S.STARTING,), "yellow", "starting", "wait; after five minutes, call", "yellow: starting"),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "yellow and fast red",
        "the button is being held, or the order was cancelled",
        "not to cancel, let go within two seconds",
        "yellow and fast red: button held, or order cancelled",
    ),
    Meaning(
        (S.ATTENTION,),
        "green and red in turns",
        "a person must look",
        "look at the last papers; press the button when done",
        "green and red: somebody must look",
        "`problems` in the status says at what",
    ),
    Meaning(
        (S.PRINTER,),
        "red, slow",
        "printer: no paper, cover open, gone",
        "see to the printer; tickets come when it is back",
        "red, slow: see to the printer",
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
        "a wave through all three",
        "somebody far away asks which till this is",
        "answer: this one",
        "a wave: somebody asks which till this is",
    ),
    Meaning((), "dark", "no power, or broken", "see to the plug; then call", "dark: no power, or broken: call"),
)

SPANISH = (
    Meaning((S.READY,), "verde", "lista", "vender", "verde: lista para vender"),
    Meaning(
        (S.WAITING,),
        "amarilla, lenta",
        "una orden espera su pago",
        "esperar",
        "amarilla lenta: una orden espera el pago",
        "se ve al escanearla, en menos de un minuto, o al apretar el botón",
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
        "pagado; el ticket salió",
        "entregar la mercadería",
        "verde rápida: PAGADO, entregue",
    ),
    Meaning(
        (S.POLLING,),
        "verde con un destello amarillo",
        "lista, pero nadie avisa: consulta por su cuenta",
        "vender; tarda unos segundos más",
        "verde con destello amarillo: lista, sin avisos: tarda unos segundos",
    ),
    Meaning(
        (S.STARTING,), "amarilla", "arrancando", "esperar; después de cinco minutos, llamar", "amarilla: arrancando"
    ),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "amarilla y roja rápida",
        "se está manteniendo apretado el botón, o la orden se canceló",
        "para no cancelar, soltar antes de los dos segundos",
        "amarilla y roja rápida: botón apretado, u orden cancelada",
    ),
    Meaning(
        (S.ATTENTION,),
        "verde y roja alternadas",
        "alguien tiene que mirar",
        "mirar los últimos papeles; apretar el botón al terminar",
        "verde y roja: alguien tiene que mirar",
        "`problems` en el estado dice qué",
    ),
    Meaning(
        (S.PRINTER,),
        "roja, lenta",
        "impresora: sin papel, tapa abierta, desconectada",
        "atender la impresora; los tickets salen cuando vuelve",
        "roja lenta: revise la impresora",
    ),
    Meaning(
        (S.UNREACHABLE,),
        "roja",
        "no se llega a Mercado Pago",
        "no entregar por lo que muestre un teléfono",
        "roja: sin conexión, no entregue",
    ),
    Meaning(
        (S.IDENTIFY,),
        "una ola por las tres",
        "alguien, de lejos, pregunta cuál es esta caja",
        "contestar: es ésta",
        "ola por las tres: preguntan cuál es esta caja",
    ),
    Meaning(
        (),
        "apagada",
        "sin corriente, o rota",
        "mirar el enchufe; después, llamar",
        "apagadas: sin corriente o rota: llame",
    ),
)

PORTUGUESE = (
    Meaning((S.READY,), "verde", "pronto", "vender", "verde: pronto para vender"),
    Meaning(
        (S.WAITING,),
        "amarela, lenta",
        "uma venda espera o pagamento",
        "esperar",
        "amarela lenta: uma venda espera o pagamento",
        "percebida quando é escaneada, em menos de um minuto, ou ao apertar o botão",
    ),
    Meaning(
        (S.WORKING,),
        "amarela, rápida",
        "consultando ou imprimindo",
        "esperar um momento",
        "amarela rápida: consultando ou imprimindo",
    ),
    Meaning(
        (S.PAID,), "verde, rápida (3 s)", "pago; o ticket saiu", "entregar a mercadoria", "verde rápida: PAGO, entregue"
    ),
    Meaning(
        (S.POLLING,),
        "verde com um lampejo amarelo",
        "pronto, mas ninguém avisa: consulta por conta própria",
        "vender; demora alguns segundos a mais",
        "verde com lampejo amarelo: pronto, sem avisos: demora alguns segundos",
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
        "o botão está sendo segurado, ou a venda foi cancelada",
        "para não cancelar, soltar antes dos dois segundos",
        "amarela e vermelha rápida: botão apertado, ou venda cancelada",
    ),
    Meaning(
        (S.ATTENTION,),
        "verde e vermelha alternadas",
        "alguém precisa olhar",
        "olhar os últimos papéis; apertar o botão ao terminar",
        "verde e vermelha: alguém precisa olhar",
        "`problems` no status diz o quê",
    ),
    Meaning(
        (S.PRINTER,),
        "vermelha, lenta",
        "impressora: sem papel, tampa aberta, desconectada",
        "cuidar da impressora; os tickets saem quando ela volta",
        "vermelha lenta: veja a impressora",
    ),
    Meaning(
        (S.UNREACHABLE,),
        "vermelha",
        "sem acesso ao Mercado Pago",
        "não entregar pelo que aparece num celular",
        "vermelha: sem conexão, não entregue",
    ),
    Meaning(
        (S.IDENTIFY,),
        "uma onda pelas três",
        "alguém, de longe, pergunta qual é este caixa",
        "responder: é este",
        "onda pelas três: perguntam qual é este caixa",
    ),
    Meaning(
        (),
        "apagada",
        "sem energia, ou com defeito",
        "ver a tomada; depois, chamar o suporte",
        "apagadas: sem energia ou com defeito: chame o suporte",
    ),
)

MEANINGS: Mapping[str, tuple[Meaning, ...]] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
"""In the order in which a cashier meets them."""
