"""What the card for the till says besides the lights (`edge.install.light_words`) and the papers (`edge.words`)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CardWords:
    title: str
    rule: str
    """The one sentence to remember."""
    button: str
    press: tuple[str, str]
    hold: tuple[str, str]
    claims: str
    """A customer says so, and there is no ticket."""
    steps: tuple[str, ...]
    papers: str
    other: tuple[str, str]
    """A paper that says itself what to do."""
    help: str
    till: str
    call: str


ENGLISH = CardWords(
    title="What does the light say?",
    rule="Hand over the goods only when the green light blinks fast and the ticket comes out. Never on a phone's word.",
    button="The button",
    press=("A short press", "asks now whether the sale is paid. It also says: I have looked."),
    hold=(
        "Held for two seconds",
        "cancels the sale on the till if nobody paid it. If somebody did, its ticket prints.",
    ),
    claims="“I have paid”, and no ticket?",
    steps=(
        "See whether the light is red, or the printer has no paper.",
        "Press the button and wait for the fast yellow light to end.",
        "No green light, no ticket: hand over nothing. If in doubt, call.",
    ),
    papers="A paper that begins with",
    other=("Anything else", "read it: it says what is wrong, what to look at, and whom to call."),
    help="Help",
    till="This till",
    call="Call",
)

SPANISH = CardWords(
    title="¿Qué dice la luz?",
    rule="Entregue sólo cuando la luz verde parpadea rápido y sale el ticket. Nunca por lo que muestre un teléfono.",
    button="El botón",
    press=("Apretarlo un instante", "consulta ahora si la venta está pagada. También dice: ya miré."),
    hold=(
        "Mantenerlo dos segundos",
        "cancela la venta de la caja, si nadie la pagó. Si alguien la pagó, sale su ticket.",
    ),
    claims="«Ya pagué», ¿y no hay ticket?",
    steps=(
        "Mirar si la luz está roja o si falta papel.",
        "Apretar el botón y esperar a que termine la luz amarilla rápida.",
        "Sin luz verde y sin ticket, no entregar. Ante la duda, llamar.",
    ),
    papers="Un papel que empieza con",
    other=("Otra cosa", "léalo: dice qué pasa, qué mirar y a quién llamar."),
    help="Ayuda",
    till="Esta caja",
    call="Llamar a",
)

PORTUGUESE = CardWords(
    title="O que diz a luz?",
    rule="Entregue só quando a luz verde pisca rápido e o ticket sai. Nunca pelo que aparece num celular.",
    button="O botão",
    press=("Apertar um instante", "consulta agora se a venda está paga. Também diz: já olhei."),
    hold=("Segurar dois segundos", "cancela a venda do caixa, se ninguém pagou. Se alguém pagou, sai o ticket dela."),
    claims="“Já paguei”, e não há ticket?",
    steps=(
        "Ver se a luz está vermelha ou se falta papel.",
        "Apertar o botão e esperar a luz amarela rápida terminar.",
        "Sem luz verde e sem ticket, não entregar. Na dúvida, chamar o suporte.",
    ),
    papers="Um papel que começa com",
    other=("Outra coisa", "leia: diz o que há, o que olhar e quem chamar."),
    help="Ajuda",
    till="Este caixa",
    call="Chamar",
)

CARD_WORDS: Mapping[str, CardWords] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
