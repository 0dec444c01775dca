"""The words of the cashier's card, beside those of the lights (`edge.install.check.light_words`) and of the papers
(`edge.paper.words`).
"""

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
    """The heading of what to do when a customer has paid and no ticket comes."""
    steps: tuple[str, ...]
    papers: str
    other: tuple[str, str]
    """Any other paper, which explains itself."""
    help: str
    till: str
    call: str


ENGLISH = CardWords(
    title="What does the light mean?",
    rule="Hand over the goods only when the green light blinks fast and the ticket comes out. Never on a phone's word.",
    button="The button",
    press=("Press it", "checks now whether the order is paid. It also means: I have checked."),
    hold=(
        "Hold it for two seconds",
        "cancels the order on the till if nobody paid it. If somebody did, its ticket prints.",
    ),
    claims="“I have paid”, but no ticket?",
    steps=(
        "Check whether the light is red or the printer has no paper.",
        "Press the button and wait until the fast yellow light ends.",
        "No green light and no ticket: hand over nothing. If in doubt, call.",
    ),
    papers="A paper that begins with",
    other=("Anything else", "read it: it says what is wrong, what to check, and whom to call."),
    help="Help",
    till="This till",
    call="Call",
)

SPANISH = CardWords(
    title="¿Qué dice la luz?",
    rule="Entregue sólo cuando la luz verde parpadea rápido y sale el ticket. Nunca por lo que muestre un teléfono.",
    button="El botón",
    press=("Apretarlo un instante", "consulta ahora si la orden está pagada. También indica: ya revisé."),
    hold=(
        "Mantenerlo dos segundos",
        "cancela la orden de la caja, si nadie la pagó. Si alguien la pagó, sale su ticket.",
    ),
    claims="«Ya pagué», ¿y no hay ticket?",
    steps=(
        "Revisar si la luz está roja o si falta papel.",
        "Apretar el botón y esperar a que termine la luz amarilla rápida.",
        "Sin luz verde y sin ticket, no entregar. Ante la duda, llamar.",
    ),
    papers="Un papel que empieza con",
    other=("Otra cosa", "léalo: dice qué pasa, qué revisar y a quién llamar."),
    help="Ayuda",
    till="Esta caja",
    call="Llamar a",
)

PORTUGUESE = CardWords(
    title="O que a luz diz?",
    rule="Entregue só quando a luz verde pisca rápido e o ticket sai. Nunca pelo que aparece num celular.",
    button="O botão",
    press=("Apertar um instante", "consulta agora se o pedido está pago. Também indica: já conferi."),
    hold=("Segurar dois segundos", "cancela o pedido do caixa, se ninguém o pagou. Se alguém o pagou, sai o ticket."),
    claims="“Já paguei”, e nada de ticket?",
    steps=(
        "Conferir se a luz está vermelha ou se falta papel.",
        "Apertar o botão e esperar a luz amarela rápida terminar.",
        "Sem luz verde e sem ticket, não entregar. Na dúvida, chamar o suporte.",
    ),
    papers="Um papel que começa com",
    other=("Outra coisa", "leia: diz qual é o problema, o que conferir e quem chamar."),
    help="Ajuda",
    till="Este caixa",
    call="Chamar",
)

CARD_WORDS: Mapping[str, CardWords] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
