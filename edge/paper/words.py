"""Every sentence on tickets and slips, in the three languages of the shops; the failures have a page of their own.

Lengths are for the narrowest paper, of 32 columns: a label has at most ten letters, so that a date or an operation
number fits beside it; a sentence at most 32; the title of a notice, in double letters, at most 16.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.duties import Banner


@dataclass(frozen=True)
class Notice:
    """A title that can't be overlooked, and what the cashier is to do."""

    title: str
    advice: tuple[str, ...]


@dataclass(frozen=True)
class DayWords:
    """The words of a day's slip that a ticket doesn't have."""

    title: str
    date_form: str
    asked: str
    """When Mercado Pago was asked."""
    unknown: str
    """Until when the till has no record."""
    sold: str
    """How many sales Mercado Pago lists. The slip names payments, of which a sale may have two."""
    unconfirmed: str
    cancelled: str
    waiting: str
    on_the_way: str
    """Payments whose ticket may still come."""
    not_listed_yet: str
    no_place: str
    """Payments of the account that name no till, and are not counted."""
    no_order: str
    """Payments without an order that are to be ignored, as those of a card terminal, and are not counted."""
    agrees: str
    difference: Notice
    without_ticket: str
    without_money: str


@dataclass(frozen=True)
class CalibrationWords:
    """What the slips say that find out how a printer prints. The questions have only plain letters."""

    title: str
    fits: tuple[str, ...]
    readable: tuple[str, ...]
    rings: tuple[str, ...]
    meanwhile: tuple[str, ...]
    """When an answer counts, and that it does no harm then."""
    plain: str
    """That no code page was right."""
    rung: str
    """That the bell was heard."""
    no_bell: str
    done: Notice


@dataclass(frozen=True)
class Words:
    """What tickets and slips say in one language. The date forms are its readers' own."""

    paid_with: str
    subtotal: str
    adjustment: str
    total: str
    paid: str
    date: str
    operation: str
    reference: str
    date_form: str
    short_date_form: str
    tickets: str
    waiting: Notice
    """Of the list of tickets that wait."""
    test: Notice
    pairing: Notice
    """Of the code that lets a device use the till's page."""
    day: DayWords
    calibration: CalibrationWords
    all_letters: str
    """Every letter that English lacks, and the currency signs."""
    banners: Mapping[Banner, Notice]


SPANISH = Words(
    paid_with="Pagado con Mercado Pago QR",
    subtotal="Subtotal",
    adjustment="Ajuste",
    total="TOTAL",
    paid="Pagado",
    date="Fecha",
    operation="Operación",
    reference="Referencia",
    date_form="%d/%m/%Y %H:%M",
    short_date_form="%d/%m %H:%M",
    tickets="Tickets",
    waiting=Notice("EN ESPERA", ("Estas ventas están pagadas.", "Apriete el botón para imprimir.")),
    test=Notice("PRUEBA", ("No es un comprobante.",)),
    pairing=Notice("DAR ACCESO", ("Escriba el código en la página.", "Si nadie lo pidió, tírelo.")),
    day=DayWords(
        title="CIERRE DEL DÍA",
        date_form="%d/%m/%Y",
        asked="Consultado",
        unknown="Sin datos hasta",
        sold="Ventas en MP",
        unconfirmed="sin confirmar",
        cancelled="Canceladas",
        waiting="Falta imprimir",
        on_the_way="En camino",
        not_listed_yet="MP todavía no muestra",
        no_place="Sin caja, no contados",
        no_order="Sin orden, no contados",
        agrees="Coincide con Mercado Pago.",
        difference=Notice("DIFERENCIA", ("No coincide con Mercado Pago.",)),
        without_ticket="Pagos sin ticket",
        without_money="Pagos devueltos o faltantes",
    ),
    calibration=CalibrationWords(
        title="AJUSTE DE LA IMPRESORA",
        fits=("Si la regla llena una linea:", "apriete el boton y suelte.", "Si no: mantengalo apretado."),
        readable=("Si los acentos se leen bien:", "apriete el boton y suelte.", "Si no: mantengalo apretado."),
        rings=("Si la impresora acaba de sonar:", "apriete el boton y suelte.", "Si no: mantengalo apretado."),
        meanwhile=("Responda sin ventas en curso:", "asi no cancela ninguna."),
        plain="Se imprime sin acentos.",
        rung="Avisa con su timbre.",
        no_bell="Sin timbre.",
        done=Notice("LISTO", ("Así se imprime desde ahora.",)),
    ),
    all_letters="áéíóúüñ ÁÉÍÓÚÜÑ ¡¿ºª $ €",
    banners={
        Banner.COPY: Notice("COPIA", ("Quizás ya se imprimió antes.", "Entregue una sola vez.")),
        Banner.LATE: Notice("PAGO TARDÍO", ("La orden ya no estaba en caja.", "Revise antes de entregar.")),
    },
)

PORTUGUESE = Words(
    paid_with="Pago com Mercado Pago QR",
    subtotal="Subtotal",
    adjustment="Ajuste",
    total="TOTAL",
    paid="Pago",
    date="Data",
    operation="Operação",
    reference="Referência",
    date_form="%d/%m/%Y %H:%M",
    short_date_form="%d/%m %H:%M",
    tickets="Tickets",
    waiting=Notice("EM ESPERA", ("Estas vendas estão pagas.", "Aperte o botão para imprimir.")),
    test=Notice("TESTE", ("Não é um comprovante.",)),
    pairing=Notice("LIBERAR ACESSO", ("Digite o código na página.", "Se ninguém o pediu, rasgue-o.")),
    day=DayWords(
        title="FECHAMENTO",
        date_form="%d/%m/%Y",
        asked="Consultado",
        unknown="Sem dados até",
        sold="Vendas no MP",
        unconfirmed="sem confirmação",
        cancelled="Canceladas",
        waiting="Falta imprimir",
        on_the_way="A caminho",
        not_listed_yet="MP ainda não mostra",
        no_place="Sem caixa, não contados",
        no_order="Sem pedido, não contados",
        agrees="Confere com o Mercado Pago.",
        difference=Notice("DIFERENÇA", ("Não confere com o Mercado Pago.",)),
        without_ticket="Pagamentos sem ticket",
        without_money="Devolvidos ou não listados",
    ),
    calibration=CalibrationWords(
        title="AJUSTE DA IMPRESSORA",
        fits=("Se a regua ocupa uma linha:", "aperte o botao e solte.", "Se nao: segure o botao."),
        readable=("Se os acentos estao certos:", "aperte o botao e solte.", "Se nao: segure o botao."),
        rings=("Se a impressora acabou de tocar:", "aperte o botao e solte.", "Se nao: segure o botao."),
        meanwhile=("Responda sem vendas em curso:", "assim nenhuma se cancela."),
        plain="Imprime sem acentos.",
        rung="Avisa com a campainha.",
        no_bell="Sem campainha.",
        done=Notice("PRONTO", ("A impressão fica assim.",)),
    ),
    all_letters="áâãàçéêíóôõú ÁÂÃÀÇÉÊÍÓÔÕÚ ºª R$€",
    banners={
        Banner.COPY: Notice("CÓPIA", ("Talvez já tenha sido impresso.", "Entregue uma só vez.")),
        Banner.LATE: Notice("PAGO COM ATRASO", ("O pedido já não estava no caixa.", "Confira antes de entregar.")),
    },
)

ENGLISH = Words(
    paid_with="Paid with Mercado Pago QR",
    subtotal="Subtotal",
    adjustment="Adjustment",
    total="TOTAL",
    paid="Paid",
    date="Date",
    operation="Operation",
    reference="Reference",
    date_form="%Y-%m-%d %H:%M",
    short_date_form="%m-%d %H:%M",
    tickets="Tickets",
    waiting=Notice("WAITING", ("These sales are paid.", "Press the button to print all.")),
    test=Notice("TEST", ("This is not a receipt.",)),
    pairing=Notice("LET A DEVICE IN", ("Type this code on the page.", "Nobody asked for it? Tear it up.")),
    day=DayWords(
        title="END OF DAY",
        date_form="%Y-%m-%d",
        asked="Checked at",
        unknown="No record before",
        sold="Sales at MP",
        unconfirmed="unconfirmed",
        cancelled="Cancelled",
        waiting="Still to print",
        on_the_way="On the way",
        not_listed_yet="MP doesn't show yet",
        no_place="No till named, not counted",
        no_order="No order, not counted",
        agrees="Matches Mercado Pago.",
        difference=Notice("DIFFERENCE", ("Doesn't match Mercado Pago.",)),
        without_ticket="Payments without ticket",
        without_money="Payments refunded or missing",
    ),
    calibration=CalibrationWords(
        title="PRINTER SETUP",
        fits=("If the ruler fills one line:", "press the button.", "If not: hold it down."),
        readable=("If the accents are right:", "press the button.", "If not: hold it down."),
        rings=("If the printer has just beeped:", "press the button.", "If not: hold it down."),
        meanwhile=("Answer while no sale is open:", "then none is cancelled."),
        plain="It prints without accents.",
        rung="It rings its bell.",
        no_bell="No bell.",
        done=Notice("DONE", ("It will print like this.",)),
    ),
    all_letters="áâãàçéêíñóôõúü ¡¿ºª $ €",
    banners={
        Banner.COPY: Notice("COPY", ("May already have been printed.", "Hand over the goods only once.")),
        Banner.LATE: Notice("LATE PAYMENT", ("The order had left the till.", "Check before handing over.")),
    },
)

WORDS: Mapping[str, Words] = {"es": SPANISH, "pt": PORTUGUESE, "en": ENGLISH}
