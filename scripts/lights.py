"""What each light means and what to do, in three languages: the one place that the README's table and the card for the
till take their sentences from. How a light looks is `edge.panel.LIGHTS`; what is on paper is `edge.words`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.signals import Signal


@dataclass(frozen=True)
class Meaning:
    """One line of the table. No signal at all: the panel is dark."""

    signals: tuple[Signal, ...]
    looks: str
    means: str
    do: str
    more: str = ""
    """Said in the README only: a card at the till has no room for it."""

    def row(self) -> str:
        """As it stands in the README; what is waited for is bold."""
        means = f"{self.means} ({self.more})" if self.more else self.means
        looks = self.looks
        if Signal.PAID in self.signals:
            looks, means = f"**{looks}**", f"**{means}**"
        return f"| {looks} | {means} | {self.do} |"


S = Signal

ENGLISH = (
    Meaning((S.READY,), "green", "ready", "sell"),
    Meaning(
        (S.WAITING,),
        "yellow, slow",
        "an order waits for its payment",
        "wait",
        "seen at its scan, within a minute, or at a press",
    ),
    Meaning((S.WORKING,), "yellow, fast", "checking, or printing", "wait a moment"),
    Meaning((S.PAID,), "green, fast (3 s)", "paid; the ticket is out", "hand over the goods"),
    Meaning(
        (S.POLLING,),
        "green with a yellow flash",
        "ready, but nobody rings: it looks for itself",
        "sell; it takes some seconds longer",
    ),
    Meaning((S.STARTING,), "yellow", "starting", "wait; after five minutes, call"),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "yellow and fast red",
        "the button is being held, or the order was cancelled",
        "not to cancel, let go within two seconds",
    ),
    Meaning(
        (S.ATTENTION,),
        "green and red in turns",
        "a person must look",
        "look at the last papers; press the button when done",
        "`problems` in the status says at what",
    ),
    Meaning(
        (S.PRINTER,),
        "red, slow",
        "printer: no paper, cover open, gone",
        "see to the printer; tickets come when it is back",
    ),
    Meaning((S.UNREACHABLE,), "red", "Mercado Pago can't be reached", "don't hand over goods on a phone's word"),
    Meaning(
        (S.IDENTIFY,),
        "a wave through all three",
        "somebody far away asks which till this is",
        "answer: this one",
    ),
    Meaning((), "dark", "no power, or broken", "see to the plug; then call"),
)

SPANISH = (
    Meaning((S.READY,), "verde", "lista", "vender"),
    Meaning(
        (S.WAITING,),
        "amarilla, lenta",
        "una orden espera su pago",
        "esperar",
        "se ve al escanearla, en menos de un minuto, o al apretar el botón",
    ),
    Meaning((S.WORKING,), "amarilla, rápida", "consultando o imprimiendo", "esperar un momento"),
    Meaning((S.PAID,), "verde, rápida (3 s)", "pagado; el ticket salió", "entregar la mercadería"),
    Meaning(
        (S.POLLING,),
        "verde con un destello amarillo",
        "lista, pero nadie avisa: consulta por su cuenta",
        "vender; tarda unos segundos más",
    ),
    Meaning((S.STARTING,), "amarilla", "arrancando", "esperar; después de cinco minutos, llamar"),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "amarilla y roja rápida",
        "se está manteniendo apretado el botón, o la orden se canceló",
        "para no cancelar, soltar antes de los dos segundos",
    ),
    Meaning(
        (S.ATTENTION,),
        "verde y roja alternadas",
        "alguien tiene que mirar",
        "mirar los últimos papeles; apretar el botón al terminar",
        "`problems` en el estado dice qué",
    ),
    Meaning(
        (S.PRINTER,),
        "roja, lenta",
        "impresora: sin papel, tapa abierta, desconectada",
        "atender la impresora; los tickets salen cuando vuelve",
    ),
    Meaning((S.UNREACHABLE,), "roja", "no se llega a Mercado Pago", "no entregar por lo que muestre un teléfono"),
    Meaning(
        (S.IDENTIFY,),
        "una ola por las tres",
        "alguien, de lejos, pregunta cuál es esta caja",
        "contestar: es ésta",
    ),
    Meaning((), "apagada", "sin corriente, o rota", "mirar el enchufe; después, llamar"),
)

PORTUGUESE = (
    Meaning((S.READY,), "verde", "pronto", "vender"),
    Meaning(
        (S.WAITING,),
        "amarela, lenta",
        "uma venda espera o pagamento",
        "esperar",
        "percebida quando é escaneada, em menos de um minuto, ou ao apertar o botão",
    ),
    Meaning((S.WORKING,), "amarela, rápida", "consultando ou imprimindo", "esperar um momento"),
    Meaning((S.PAID,), "verde, rápida (3 s)", "pago; o ticket saiu", "entregar a mercadoria"),
    Meaning(
        (S.POLLING,),
        "verde com um lampejo amarelo",
        "pronto, mas ninguém avisa: consulta por conta própria",
        "vender; demora alguns segundos a mais",
    ),
    Meaning((S.STARTING,), "amarela", "iniciando", "esperar; depois de cinco minutos, ligar"),
    Meaning(
        (S.HOLDING, S.CANCELLED),
        "amarela e vermelha rápida",
        "o botão está sendo segurado, ou a venda foi cancelada",
        "para não cancelar, soltar antes dos dois segundos",
    ),
    Meaning(
        (S.ATTENTION,),
        "verde e vermelha alternadas",
        "alguém precisa olhar",
        "olhar os últimos papéis; apertar o botão ao terminar",
        "`problems` no status diz o quê",
    ),
    Meaning(
        (S.PRINTER,),
        "vermelha, lenta",
        "impressora: sem papel, tampa aberta, desconectada",
        "cuidar da impressora; os tickets saem quando ela volta",
    ),
    Meaning((S.UNREACHABLE,), "vermelha", "sem acesso ao Mercado Pago", "não entregar pelo que aparece num celular"),
    Meaning(
        (S.IDENTIFY,),
        "uma onda pelas três",
        "alguém, de longe, pergunta qual é este caixa",
        "responder: é este",
    ),
    Meaning((), "apagada", "sem energia, ou com defeito", "ver a tomada; depois, ligar"),
)

MEANINGS: Mapping[str, tuple[Meaning, ...]] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
"""In the order in which a cashier meets them."""
