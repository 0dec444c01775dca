"""What slips say about a failure, in the shops' three languages, to a cashier who can't mend much and has to sell.

As in `words.py`, a title has at most 16 letters and the line below it at most 32; the rest wraps. Each sentence is true
whenever its cause is: nobody at the counter can check it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.duties import Cause
from edge.paper.words import Notice


@dataclass(frozen=True)
class Failure:
    """What fails, what it means at the counter, and what a cashier can check."""

    notice: Notice
    meaning: tuple[str, ...]
    check: tuple[str, ...]


@dataclass(frozen=True)
class FailureWords:
    """What slips say in one language."""

    check: str
    installer: str
    """Whom to call where the configuration names nobody."""
    till: str
    details: str
    causes: Mapping[Cause, Failure]


_UNKNOWN_ES = ("No se sabe qué está pagado.", "No entregue mercadería por lo que muestre un teléfono.")
_LATER_ES = "Lo pagado se imprime cuando esto se arregle."
_CALL_ES = "No se arregla solo: llame."
_SLOWER_ES = ("Puede seguir vendiendo; el ticket tarda unos segundos más.",)
_LINE_ES = ("¿Está encendido el router?", "¿Está enchufado el cable de red?", "¿Anda internet en otro aparato?")

SPANISH = FailureWords(
    check="Qué hacer:",
    installer="Llame a quien instaló la caja.",
    till="Caja",
    details="Para soporte:",
    causes={
        Cause.NO_INTERNET: Failure(
            Notice("SIN INTERNET", ("Sin conexión con Mercado Pago.",)), (*_UNKNOWN_ES, _LATER_ES), _LINE_ES
        ),
        Cause.API_DOWN: Failure(
            Notice("MP NO RESPONDE", ("Mercado Pago no responde bien.",)),
            (*_UNKNOWN_ES, _LATER_ES),
            ("Casi siempre se arregla solo.", "Si dura más de una hora, llame."),
        ),
        Cause.WRONG_CLOCK: Failure(
            Notice("HORA EQUIVOCADA", ("El reloj de la caja está mal.",)),
            (*_UNKNOWN_ES, _LATER_ES),
            ("La hora llega por internet.", *_LINE_ES),
        ),
        Cause.TOKEN_REFUSED: Failure(
            Notice("TOKEN RECHAZADO", ("Mercado Pago no acepta el token.",)),
            (*_UNKNOWN_ES, _LATER_ES),
            (_CALL_ES, "Hace falta un access token nuevo."),
        ),
        Cause.WRONG_APPLICATION: Failure(
            Notice("FALTA UN PERMISO", ("El token no sirve para todo.",)),
            ("Los pagos con QR pueden quedar sin ticket.", _UNKNOWN_ES[1]),
            (_CALL_ES, "La aplicación de Mercado Pago debe ser de pagos presenciales (QR)."),
        ),
        Cause.WRONG_TILL: Failure(
            Notice("CAJA EQUIVOCADA", ("Mercado Pago no la encuentra.",)),
            ("Los pagos con QR pueden quedar sin ticket.", _UNKNOWN_ES[1]),
            (_CALL_ES, "¿Alguien cambió la cuenta, la sucursal o la caja en Mercado Pago?"),
        ),
        Cause.NO_MEMORY: Failure(
            Notice("SIN MEMORIA", ("La caja no puede guardar nada.",)),
            ("Por eso no imprime tickets.", _UNKNOWN_ES[1], _LATER_ES),
            (
                "Desenchufe el aparato de las luces y vuelva a enchufarlo, una sola vez.",
                "Si sigue igual, llame: puede ser la tarjeta de memoria.",
            ),
        ),
        Cause.TWINS: Failure(
            Notice("CAJA DUPLICADA", ("Otro aparato usa su nombre.",)),
            _SLOWER_ES,
            (
                "¿Hay otro aparato igual, con una copia de esta tarjeta de memoria? Desenchúfelo.",
                "Después apriete el botón de este.",
            ),
        ),
        Cause.BROKER_CREDENTIALS: Failure(
            Notice("AVISOS NEGADOS", ("El broker no acepta esta caja.",)),
            _SLOWER_ES,
            (_CALL_ES, "Hay que darla de alta otra vez."),
        ),
        Cause.BROKER_UNFIT: Failure(
            Notice("BROKER NO SIRVE", ("No hace lo que la caja necesita.",)),
            _SLOWER_ES,
            (_CALL_ES, "Abajo dice qué le falta."),
        ),
        Cause.BROKER_BUSY: Failure(
            Notice("BROKER LLENO", ("No atiende a esta caja ahora.",)),
            _SLOWER_ES,
            ("Casi siempre se arregla solo.", "Si sigue mañana, llame."),
        ),
        Cause.BROKER_REFUSES: Failure(
            Notice("AVISOS NEGADOS", ("El broker rechaza la caja.",)), _SLOWER_ES, ("Si sigue mañana, llame.",)
        ),
        Cause.BROKER_MUTE: Failure(
            Notice("BROKER MUDO", ("El broker no contesta.",)),
            _SLOWER_ES,
            ("¿Alguien cambió el router o un firewall?", "Si sigue mañana, llame."),
        ),
        Cause.BROKER_HANGS_UP: Failure(
            Notice("AVISOS CORTADOS", ("El broker corta la conexión.",)),
            _SLOWER_ES,
            (
                "Puede ser el broker, o un aparato igual con una copia de esta tarjeta de memoria.",
                "Si hay uno, desenchúfelo. Si no, llame mañana si sigue.",
            ),
        ),
        Cause.MISCONFIGURED: Failure(
            Notice("MAL CONFIGURADA", ("La caja no arranca.",)),
            ("No sale ningún ticket hasta que se corrija.", _UNKNOWN_ES[1]),
            (_CALL_ES, "Abajo dice qué corregir."),
        ),
    },
)

_UNKNOWN_PT = ("Não se sabe o que está pago.", "Não entregue nada pelo que aparece num celular.")
_LATER_PT = "O que for pago será impresso quando isso se resolver."
_CALL_PT = "Não se resolve sozinho: chame o suporte."
_SLOWER_PT = ("Pode continuar vendendo; o ticket demora alguns segundos a mais.",)
_LINE_PT = ("O roteador está ligado?", "O cabo de rede está conectado?", "A internet funciona em outro aparelho?")

PORTUGUESE = FailureWords(
    check="O que fazer:",
    installer="Chame quem instalou o caixa.",
    till="Caixa",
    details="Para o suporte:",
    causes={
        Cause.NO_INTERNET: Failure(
            Notice("SEM INTERNET", ("Sem conexão com o Mercado Pago.",)), (*_UNKNOWN_PT, _LATER_PT), _LINE_PT
        ),
        Cause.API_DOWN: Failure(
            Notice("MP NÃO RESPONDE", ("O Mercado Pago não responde bem.",)),
            (*_UNKNOWN_PT, _LATER_PT),
            ("Quase sempre se resolve sozinho.", "Se durar mais de uma hora, chame o suporte."),
        ),
        Cause.WRONG_CLOCK: Failure(
            Notice("HORA ERRADA", ("O relógio do caixa está errado.",)),
            (*_UNKNOWN_PT, _LATER_PT),
            ("A hora chega pela internet.", *_LINE_PT),
        ),
        Cause.TOKEN_REFUSED: Failure(
            Notice("TOKEN RECUSADO", ("O Mercado Pago recusa o token.",)),
            (*_UNKNOWN_PT, _LATER_PT),
            (_CALL_PT, "É preciso um access token novo."),
        ),
        Cause.WRONG_APPLICATION: Failure(
            Notice("SEM PERMISSÃO", ("O token não serve para tudo.",)),
            ("Pagamentos com QR podem ficar sem ticket.", _UNKNOWN_PT[1]),
            (_CALL_PT, "A aplicação do Mercado Pago deve ser de pagamentos presenciais (QR)."),
        ),
        Cause.WRONG_TILL: Failure(
            Notice("CAIXA ERRADO", ("O Mercado Pago não o encontra.",)),
            ("Pagamentos com QR podem ficar sem ticket.", _UNKNOWN_PT[1]),
            (_CALL_PT, "Alguém mudou a conta, a loja ou o caixa no Mercado Pago?"),
        ),
        Cause.NO_MEMORY: Failure(
            Notice("SEM MEMÓRIA", ("O caixa não consegue gravar.",)),
            ("Por isso não imprime tickets.", _UNKNOWN_PT[1], _LATER_PT),
            (
                "Tire da tomada o aparelho das luzes e ligue de novo, uma só vez.",
                "Se continuar, chame o suporte: pode ser o cartão de memória.",
            ),
        ),
        Cause.TWINS: Failure(
            Notice("CAIXA DUPLICADO", ("Outro aparelho usa o nome dele.",)),
            _SLOWER_PT,
            (
                "Há outro aparelho igual, com uma cópia deste cartão de memória? Tire-o da tomada.",
                "Depois aperte o botão deste aqui.",
            ),
        ),
        Cause.BROKER_CREDENTIALS: Failure(
            Notice("AVISOS NEGADOS", ("O broker não aceita este caixa.",)),
            _SLOWER_PT,
            (_CALL_PT, "É preciso cadastrá-lo de novo."),
        ),
        Cause.BROKER_UNFIT: Failure(
            Notice("BROKER NÃO SERVE", ("Não faz o que o caixa precisa.",)),
            _SLOWER_PT,
            (_CALL_PT, "Abaixo está o que falta."),
        ),
        Cause.BROKER_BUSY: Failure(
            Notice("BROKER CHEIO", ("Não atende este caixa agora.",)),
            _SLOWER_PT,
            ("Quase sempre se resolve sozinho.", "Se continuar amanhã, chame o suporte."),
        ),
        Cause.BROKER_REFUSES: Failure(
            Notice("AVISOS NEGADOS", ("O broker recusa o caixa.",)),
            _SLOWER_PT,
            ("Se continuar amanhã, chame o suporte.",),
        ),
        Cause.BROKER_MUTE: Failure(
            Notice("BROKER MUDO", ("O broker não responde.",)),
            _SLOWER_PT,
            ("Alguém mudou o roteador ou um firewall?", "Se continuar amanhã, chame o suporte."),
        ),
        Cause.BROKER_HANGS_UP: Failure(
            Notice("AVISOS CORTADOS", ("O broker corta a conexão.",)),
            _SLOWER_PT,
            (
                "Pode ser o broker, ou um aparelho igual com uma cópia deste cartão de memória.",
                "Se houver um, tire-o da tomada. Se não, chame o suporte se continuar amanhã.",
            ),
        ),
        Cause.MISCONFIGURED: Failure(
            Notice("MAL CONFIGURADO", ("O caixa não inicia.",)),
            ("Nenhum ticket sai até que isso seja corrigido.", _UNKNOWN_PT[1]),
            (_CALL_PT, "Abaixo está o que corrigir."),
        ),
    },
)

_UNKNOWN_EN = ("The till can't tell what is paid.", "Don't hand over goods on a phone's word.")
_LATER_EN = "Paid orders print once this is fixed."
_CALL_EN = "It won't fix itself: call."
_SLOWER_EN = ("You can keep selling; tickets take some seconds longer.",)
_LINE_EN = ("Is the router on?", "Is the network cable plugged in?", "Does another device have internet?")

ENGLISH = FailureWords(
    check="What to do:",
    installer="Call whoever installed the till.",
    till="Till",
    details="For support:",
    causes={
        Cause.NO_INTERNET: Failure(
            Notice("NO INTERNET", ("Mercado Pago can't be reached.",)), (*_UNKNOWN_EN, _LATER_EN), _LINE_EN
        ),
        Cause.API_DOWN: Failure(
            Notice("MP NOT ANSWERING", ("Mercado Pago isn't responding.",)),
            (*_UNKNOWN_EN, _LATER_EN),
            ("It nearly always fixes itself.", "If it lasts more than an hour, call."),
        ),
        Cause.WRONG_CLOCK: Failure(
            Notice("WRONG CLOCK", ("The till's clock is wrong.",)),
            (*_UNKNOWN_EN, _LATER_EN),
            ("The till gets the time over the internet.", *_LINE_EN),
        ),
        Cause.TOKEN_REFUSED: Failure(
            Notice("TOKEN REFUSED", ("Mercado Pago refuses the token.",)),
            (*_UNKNOWN_EN, _LATER_EN),
            (_CALL_EN, "A new access token is needed."),
        ),
        Cause.WRONG_APPLICATION: Failure(
            Notice("NOT ALLOWED", ("The token isn't good for all.",)),
            ("QR payments may get no ticket.", _UNKNOWN_EN[1]),
            (_CALL_EN, "The application at Mercado Pago must be one for in-person payments (QR)."),
        ),
        Cause.WRONG_TILL: Failure(
            Notice("WRONG TILL", ("Mercado Pago can't find it.",)),
            ("QR payments may get no ticket.", _UNKNOWN_EN[1]),
            (_CALL_EN, "Did somebody change the account, the store or the till at Mercado Pago?"),
        ),
        Cause.NO_MEMORY: Failure(
            Notice("NO MEMORY", ("The till can't save anything.",)),
            ("So it prints no tickets.", _UNKNOWN_EN[1], _LATER_EN),
            (
                "Unplug the device with the lights and plug it in again, only once.",
                "If that doesn't help, call: it may be the memory card.",
            ),
        ),
        Cause.TWINS: Failure(
            Notice("DUPLICATE TILL", ("Another device uses its name.",)),
            _SLOWER_EN,
            (
                "Is there another device like this, with a copy of this memory card? Unplug it.",
                "Then press the button on this one.",
            ),
        ),
        Cause.BROKER_CREDENTIALS: Failure(
            Notice("BROKER REFUSES", ("It doesn't accept this till.",)),
            _SLOWER_EN,
            (_CALL_EN, "The till has to be enrolled again."),
        ),
        Cause.BROKER_UNFIT: Failure(
            Notice("UNFIT BROKER", ("It can't do what a till needs.",)),
            _SLOWER_EN,
            (_CALL_EN, "What it lacks is listed below."),
        ),
        Cause.BROKER_BUSY: Failure(
            Notice("BROKER FULL", ("It doesn't serve this till now.",)),
            _SLOWER_EN,
            ("It nearly always fixes itself.", "If it goes on tomorrow, call."),
        ),
        Cause.BROKER_REFUSES: Failure(
            Notice("BROKER REFUSES", ("It sends the till away.",)), _SLOWER_EN, ("If it goes on tomorrow, call.",)
        ),
        Cause.BROKER_MUTE: Failure(
            Notice("BROKER SILENT", ("The broker doesn't answer.",)),
            _SLOWER_EN,
            ("Did somebody change the router or a firewall?", "If it goes on tomorrow, call."),
        ),
        Cause.BROKER_HANGS_UP: Failure(
            Notice("BROKER HANGS UP", ("It ends the connection.",)),
            _SLOWER_EN,
            (
                "It may be the broker, or a device like this with a copy of this memory card.",
                "If there is one, unplug it. If not, call if it goes on tomorrow.",
            ),
        ),
        Cause.MISCONFIGURED: Failure(
            Notice("SETUP ERROR", ("The till does not start.",)),
            ("No ticket comes out until it is fixed.", _UNKNOWN_EN[1]),
            (_CALL_EN, "What to fix is listed below."),
        ),
    },
)

FAILURE_WORDS: Mapping[str, FailureWords] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
