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
            ("Puede seguir vendiendo; el ticket tarda unos segundos más.",),
            (
                "¿Hay otro aparato igual, con una copia de esta tarjeta de memoria? Desenchúfelo.",
                "Después apriete el botón de este.",
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
            ("Pode continuar vendendo; o ticket demora alguns segundos a mais.",),
            (
                "Há outro aparelho igual, com uma cópia deste cartão de memória? Tire-o da tomada.",
                "Depois aperte o botão deste aqui.",
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
            ("You can keep selling; tickets take some seconds longer.",),
            (
                "Is there another device like this, with a copy of this memory card? Unplug it.",
                "Then press the button on this one.",
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
