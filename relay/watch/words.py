"""What people read: a title, and a line for each thing, in Spanish, Portuguese and English. Pure.

A line says which till, what is wrong, since when, and what to do. Texts of a till's own stay as they are: they name an
order, or what a library said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from relay.watch.alerts import Alert, Message
from relay.watch.signs import Cause, Sign

MAX_LINES = 40
"""A broker that comes back may bring news of hundreds of tills; a phone shows no more than this."""


@dataclass(frozen=True)
class Words:
    """What messages say in one language. `{}` in a cause is its detail."""

    short: Mapping[Cause, str]
    """For titles and ends."""
    long: Mapping[Cause, str]
    """The same, with what to do."""
    printer: Mapping[str, str]
    day: str
    """How a day is written, for `strftime`."""
    since: str
    over: str
    still: str
    begun: str
    morning: str
    ready: str
    nothing: str
    nothing_lasts: str
    """Of tills that are not ready, only for a short time or because the shop is closed."""
    more: str
    several: str
    again: str
    trial: str
    trial_text: str


SPANISH = Words(
    short={
        Cause.BROKER: "el broker no responde",
        Cause.RELAY: "el relay está caído",
        Cause.DARK: "sin señal",
        Cause.CARD: "falla la tarjeta de memoria",
        Cause.PRINTER: "no imprime",
        Cause.TOKEN_REFUSED: "Mercado Pago rechaza el token",
        Cause.MERCADO_PAGO: "no llega a Mercado Pago",
        Cause.ATTENTION: "hay que revisar algo",
        Cause.TOKEN_EXPIRES: "vence el token",
        Cause.VERSION: "versión atrasada",
        Cause.UPDATE: "falló una actualización",
        Cause.SOUND: "no se oye",
    },
    long={
        Cause.BROKER: "El broker no responde, y no se sabe cómo están las cajas: {}.",
        Cause.RELAY: "El relay está caído: las cajas tardan unos segundos más. Revise el servicio till-relay.",
        Cause.DARK: "No da señal con el local abierto. Revise que esté enchufada y que tenga red.",
        Cause.CARD: "Falla la tarjeta de memoria, o está llena: {}. Cambie la tarjeta antes de que deje de vender.",
        Cause.PRINTER: "No puede imprimir: {}.",
        Cause.TOKEN_REFUSED: "Mercado Pago rechaza el token: no se puede confirmar ningún pago. Escriba otro. ({})",
        Cause.MERCADO_PAGO: "No puede consultar a Mercado Pago, y no se puede confirmar ningún pago: {}.",
        Cause.ATTENTION: "Nadie revisó lo que pide la caja: {}. Después de revisarlo, apriete el botón.",
        Cause.TOKEN_EXPIRES: "El token vence el {}. Escriba uno nuevo antes de ese día.",
        Cause.VERSION: "Tiene una versión atrasada ({}). Actualícela.",
        Cause.UPDATE: "Falló una actualización, y la caja volvió sola a la versión anterior: {}. Sigue vendiendo.",
        Cause.SOUND: "No se puede oír lo que avisa: {}. Las luces y los tickets siguen igual.",
    },
    printer={
        "no_paper": "no hay papel",
        "cover_open": "la tapa está abierta",
        "error": "la impresora informa un error",
        "no_answer": "la impresora no responde",
        "gone": "la impresora está apagada o desenchufada",
    },
    day="%d/%m",
    since="desde las {}",
    over="Se resolvió",
    still="Sigue igual",
    begun="Nuevo",
    morning="Resumen del {}",
    ready="Cajas listas: {ready} de {tills}.",
    nothing="No hay nada que revisar.",
    nothing_lasts="Ninguna falla dura tanto como para revisarla.",
    more="y {} más: till-relay fleet",
    several="{} avisos",
    again="Puede ser una repetición: el envío anterior se cortó.",
    trial="prueba",
    trial_text="Así llegan los avisos de till-edge.",
)

PORTUGUESE = Words(
    short={
        Cause.BROKER: "o broker não responde",
        Cause.RELAY: "o relay está fora do ar",
        Cause.DARK: "sem sinal",
        Cause.CARD: "falha do cartão de memória",
        Cause.PRINTER: "não imprime",
        Cause.TOKEN_REFUSED: "o Mercado Pago recusa o token",
        Cause.MERCADO_PAGO: "não chega ao Mercado Pago",
        Cause.ATTENTION: "há algo para verificar",
        Cause.TOKEN_EXPIRES: "o token vence",
        Cause.VERSION: "versão atrasada",
        Cause.UPDATE: "falhou uma atualização",
        Cause.SOUND: "não se ouve",
    },
    long={
        Cause.BROKER: "O broker não responde, e não se sabe como estão os caixas: {}.",
        Cause.RELAY: "O relay está fora do ar: os caixas levam alguns segundos a mais. Verifique o serviço till-relay.",
        Cause.DARK: "Não dá sinal com a loja aberta. Verifique se está ligado na tomada e se tem rede.",
        Cause.CARD: "O cartão de memória falha, ou está cheio: {}. Troque o cartão antes que o caixa deixe de vender.",
        Cause.PRINTER: "Não consegue imprimir: {}.",
        Cause.TOKEN_REFUSED: "O Mercado Pago recusa o token: nenhum pagamento pode ser confirmado. Grave um novo. ({})",
        Cause.MERCADO_PAGO: "Não consegue consultar o Mercado Pago, e nenhum pagamento pode ser confirmado: {}.",
        Cause.ATTENTION: "Ninguém verificou o que o caixa pede: {}. Depois de verificar, aperte o botão.",
        Cause.TOKEN_EXPIRES: "O token vence em {}. Grave um novo antes desse dia.",
        Cause.VERSION: "Está com uma versão atrasada ({}). Atualize.",
        Cause.UPDATE: "Falhou uma atualização, e o caixa voltou sozinho à versão anterior: {}. Continua vendendo.",
        Cause.SOUND: "Não dá para ouvir os avisos: {}. As luzes e os tickets continuam iguais.",
    },
    printer={
        "no_paper": "está sem papel",
        "cover_open": "a tampa está aberta",
        "error": "a impressora informa um erro",
        "no_answer": "a impressora não responde",
        "gone": "a impressora está desligada ou desconectada",
    },
    day="%d/%m",
    since="desde {}",
    over="Resolvido",
    still="Continua",
    begun="Novo",
    morning="Resumo de {}",
    ready="Caixas prontos: {ready} de {tills}.",
    nothing="Não há nada para verificar.",
    nothing_lasts="Nenhuma falha durou o bastante para ser verificada.",
    more="e mais {}: till-relay fleet",
    several="{} avisos",
    again="Pode ser uma repetição: o envio anterior foi interrompido.",
    trial="teste",
    trial_text="É assim que chegam os avisos do till-edge.",
)

ENGLISH = Words(
    short={
        Cause.BROKER: "the broker doesn't answer",
        Cause.RELAY: "the relay is down",
        Cause.DARK: "no sign of life",
        Cause.CARD: "the memory card fails",
        Cause.PRINTER: "doesn't print",
        Cause.TOKEN_REFUSED: "Mercado Pago refuses the token",
        Cause.MERCADO_PAGO: "can't ask Mercado Pago",
        Cause.ATTENTION: "something must be checked",
        Cause.TOKEN_EXPIRES: "the token expires",
        Cause.VERSION: "old version",
        Cause.UPDATE: "an update failed",
        Cause.SOUND: "can't be heard",
    },
    long={
        Cause.BROKER: "The broker doesn't answer, so nobody knows how the tills are: {}.",
        Cause.RELAY: "The relay is down: tills take some seconds longer. Check the service till-relay.",
        Cause.DARK: "No sign of life while the shop is open. Check its plug and its network.",
        Cause.CARD: "The memory card fails, or is full: {}. Replace it before the till stops selling.",
        Cause.PRINTER: "It can't print: {}.",
        Cause.TOKEN_REFUSED: "Mercado Pago refuses the token: no payment can be confirmed. Write a new one. ({})",
        Cause.MERCADO_PAGO: "It can't ask Mercado Pago, so no payment can be confirmed: {}.",
        Cause.ATTENTION: "Nobody has checked what the till asks for: {}. Check it, then press the button.",
        Cause.TOKEN_EXPIRES: "The token expires on {}. Write a new one before that day.",
        Cause.VERSION: "Its version is old ({}). Update it.",
        Cause.UPDATE: "An update failed, and the till went back to the version before: {}. It goes on selling.",
        Cause.SOUND: "Its sounds can't be heard: {}. Lights and tickets are not affected.",
    },
    printer={
        "no_paper": "there is no paper",
        "cover_open": "the cover is open",
        "error": "the printer reports an error",
        "no_answer": "the printer doesn't answer",
        "gone": "the printer is switched off or unplugged",
    },
    day="%-d %b",
    since="since {}",
    over="Over",
    still="Not over yet",
    begun="New",
    morning="Summary of {}",
    ready="Tills that are ready: {ready} of {tills}.",
    nothing="Nothing needs a check.",
    nothing_lasts="Nothing has lasted long enough to need a check.",
    more="and {} more: till-relay fleet",
    several="{} alerts",
    again="This may be a repetition: the last attempt was cut off.",
    trial="test",
    trial_text="This is how till-edge's alerts arrive.",
)

WORDS: Mapping[str, Words] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}


@dataclass(frozen=True)
class Letter:
    """A message as people read it. `letter_of` makes it; a channel sends it."""

    title: str
    text: str


def trial_letter(words: Words) -> Letter:
    """Return the message of `till-relay watch --test`."""
    return Letter(f"till-edge: {words.trial}", words.trial_text)


def letter_of(message: Message, words: Words, now: datetime, zone: tzinfo | None) -> Letter:
    """Write a message down, with times by the shops' clock."""
    clock = _clock(words, now, zone)
    lines = [words.again] if message.again else []
    if message.morning:
        lines += [words.ready.format(tills=message.tills, ready=message.ready), ""]
    lines += _block(words.begun, message.begun, lambda alert: _begun(alert, words, clock))
    lines += _block(words.over, message.over, lambda alert: _over(alert, words, clock))
    lines += _block(words.still, message.still, lambda alert: _begun(alert, words, clock))
    if message.morning and not (message.begun or message.over or message.still):
        lines.append(words.nothing if message.ready == message.tills else words.nothing_lasts)
    return Letter(f"till-edge: {_title(message, words)}", "\n".join(_cut(lines, words)).strip())


def _title(message: Message, words: Words) -> str:
    if message.morning:
        return words.morning.format(_day(message.morning, words))
    changes = [*message.begun, *message.over]
    if len(changes) > 1:
        return words.several.format(len(changes))
    title = _short(changes[0].sign, words)
    return title if message.begun else f"{words.over}: {title}"


def _block(heading: str, alerts: Sequence[Alert], line: Callable[[Alert], str]) -> list[str]:
    return [f"{heading}:", *(f"- {line(alert)}" for alert in alerts), ""] if alerts else []


def _begun(alert: Alert, words: Words, clock: Callable[[datetime], str]) -> str:
    sentence = words.long[alert.sign.cause].format(_detail(alert, words).rstrip("."))
    since = "" if alert.sign.cause is Cause.TOKEN_EXPIRES else f" ({words.since.format(clock(alert.since))})"
    return f"{alert.sign.subject}: {sentence}{since}" if alert.sign.subject else f"{sentence}{since}"


def _over(alert: Alert, words: Words, clock: Callable[[datetime], str]) -> str:
    about = f" ({alert.sign.about})" if alert.sign.about else ""
    until = clock(alert.gone_since) if alert.gone_since else "?"
    return f"{_short(alert.sign, words)}{about}, {clock(alert.since)} – {until}"


def _short(sign: Sign, words: Words) -> str:
    return f"{sign.subject}: {words.short[sign.cause]}" if sign.subject else words.short[sign.cause]


def _detail(alert: Alert, words: Words) -> str:
    if alert.sign.cause is Cause.PRINTER:
        return words.printer.get(alert.detail, alert.detail)
    if alert.sign.cause is Cause.TOKEN_EXPIRES:
        return _day(date.fromisoformat(alert.detail), words)
    return alert.detail


def _day(day: date, words: Words) -> str:
    return f"{day:{words.day}}"


def _clock(words: Words, now: datetime, zone: tzinfo | None) -> Callable[[datetime], str]:
    """How a moment is written: the time of day, with the day where it isn't today."""
    today = now.astimezone(zone).date()

    def written(moment: datetime) -> str:
        local = moment.astimezone(zone)
        return f"{local:%H:%M}" if local.date() == today else f"{local:{words.day} %H:%M}"

    return written


def _cut(lines: Sequence[str], words: Words) -> Iterator[str]:
    yield from lines[:MAX_LINES]
    if len(lines) > MAX_LINES:
        yield words.more.format(len(lines) - MAX_LINES)
