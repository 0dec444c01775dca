"""What slips say about each concern, in the shops' three languages: what happened, and what a person is to do.

One table: a new concern is one entry. As in `words.py`, a title has at most 16 letters and the line below it at most
32; the rest wraps. Each sentence is true whenever its concern was raised: nobody at the counter can check it.
"""

from collections.abc import Mapping

from edge.core.notices import Concern
from edge.core.order import Verdict
from edge.paper.failure_words import Failure
from edge.paper.words import Notice

ByLanguage = Mapping[str, Failure]


def _slip(title: str, advice: str, meaning: str, *check: str) -> Failure:
    return Failure(Notice(title, (advice,)), (meaning,), check)


CONCERN_WORDS: Mapping[Concern, ByLanguage] = {
    Concern.DOUBLE_PAYMENT: {
        "es": _slip(
            "PAGADO DOS VECES",
            "Devuelva uno de los pagos.",
            "Una misma venta se pagó más de una vez. El ticket sale una sola vez.",
            "Entregue la mercadería una sola vez.",
            "Busque las operaciones en Mercado Pago y devuelva la que sobra.",
        ),
        "pt": _slip(
            "PAGO DUAS VEZES",
            "Devolva um dos pagamentos.",
            "A mesma venda foi paga mais de uma vez. O ticket sai uma só vez.",
            "Entregue a mercadoria uma só vez.",
            "Procure as operações no Mercado Pago e devolva a que sobra.",
        ),
        "en": _slip(
            "PAID TWICE",
            "Refund one of the payments.",
            "One sale was paid more than once. Its ticket comes once.",
            "Hand over the goods only once.",
            "Look up the operations in Mercado Pago and refund the extra one.",
        ),
    },
    Concern.REFERENCE_USED_AGAIN: {
        "es": _slip(
            "NÚMERO REPETIDO",
            "Cada venta necesita uno nuevo.",
            "El número de esta venta ya tuvo su ticket en otra. Para ésta no sale ticket.",
            "Si abajo hay una operación, está pagada: búsquela en Mercado Pago y entregue la venta.",
            "Pida al proveedor de su sistema que no repita external_reference.",
        ),
        "pt": _slip(
            "NÚMERO REPETIDO",
            "Cada venda precisa de um novo.",
            "O número desta venda já teve seu ticket em outra. Para esta não sai ticket.",
            "Se abaixo há uma operação, está paga: procure-a no Mercado Pago e entregue a venda.",
            "Peça ao fornecedor do seu sistema que não repita external_reference.",
        ),
        "en": _slip(
            "NUMBER REUSED",
            "Each sale needs a new one.",
            "This sale's number had its ticket with another sale. No ticket comes for this one.",
            "If an operation stands below, it is paid: look it up in Mercado Pago and hand over the goods.",
            "Ask the supplier of your till software not to repeat external_reference.",
        ),
    },
    Concern.PAID_WITHOUT_ORDER: {
        "es": _slip(
            "PAGO SIN ORDEN",
            "Busque de qué venta es.",
            "Se pagó en esta caja sin una orden: quizás el cliente escribió el monto.",
            "Busque la operación en Mercado Pago.",
            "Si es de una venta, entréguela; si no, devuelva el pago.",
            "Si es de una terminal Point de esta caja, está bien: pida a soporte que apague este aviso.",
        ),
        "pt": _slip(
            "PAGO SEM PEDIDO",
            "Descubra de qual venda é.",
            "Houve um pagamento neste caixa sem pedido: talvez o cliente tenha digitado o valor.",
            "Procure a operação no Mercado Pago.",
            "Se for de uma venda, entregue a mercadoria; se não, devolva o pagamento.",
            "Se for de uma maquininha Point deste caixa, está certo: peça ao suporte que desligue este aviso.",
        ),
        "en": _slip(
            "NO ORDER FOR IT",
            "Find out whose payment it is.",
            "Somebody paid at this till without an order: perhaps the customer typed the amount.",
            "Look up the operation in Mercado Pago.",
            "If it belongs to a sale, hand over the goods; if not, refund it.",
            "If a Point terminal at this till took it, all is well: ask support to turn this notice off.",
        ),
    },
    Concern.REJECTED: {
        "es": _slip(
            "VENTA SIN TICKET",
            "No entregue por esta venta.",
            "Mercado Pago no da por pagada esta venta, y no se imprime su ticket.",
            "Busque la venta en Mercado Pago.",
            "Si el cliente pagó algo, devuélvalo o cóbrele lo que falta.",
        ),
        "pt": _slip(
            "VENDA SEM TICKET",
            "Não entregue por esta venda.",
            "O Mercado Pago não considera esta venda paga, e o ticket não é impresso.",
            "Procure a venda no Mercado Pago.",
            "Se o cliente pagou algo, devolva ou cobre o que falta.",
        ),
        "en": _slip(
            "SALE, NO TICKET",
            "Hand over nothing for this sale.",
            "Mercado Pago doesn't count this sale as paid, so its ticket isn't printed.",
            "Look up the sale in Mercado Pago.",
            "If the customer paid something, refund it or charge the rest.",
        ),
    },
    Concern.LATE_MONEY: {
        "es": _slip(
            "PAGO TARDÍO",
            "Entregue o devuelva el pago.",
            "Esta venta se pagó cuando ya estaba cancelada o vencida. Su ticket dice lo mismo.",
            "Si el cliente está, entregue la mercadería con el ticket.",
            "Si no, devuelva el pago en Mercado Pago.",
        ),
        "pt": _slip(
            "PAGO COM ATRASO",
            "Entregue ou devolva.",
            "Esta venda foi paga quando já estava cancelada ou vencida. O ticket diz o mesmo.",
            "Se o cliente está aqui, entregue a mercadoria com o ticket.",
            "Se não, devolva o pagamento no Mercado Pago.",
        ),
        "en": _slip(
            "LATE PAYMENT",
            "Hand over the goods, or refund.",
            "This sale was paid when it was already cancelled or had expired. Its ticket says so too.",
            "If the customer is here, hand over the goods with the ticket.",
            "If not, refund the payment in Mercado Pago.",
        ),
    },
    Concern.NOT_CANCELLED: {
        "es": _slip(
            "NO SE CANCELÓ",
            "Quizás la orden sigue en caja.",
            "Se mantuvo el botón, y la orden no se pudo cancelar: hay otra, o Mercado Pago se negó.",
            "Mire qué orden está en la caja.",
            "Si hay que cancelarla, mantenga el botón otra vez.",
        ),
        "pt": _slip(
            "NÃO CANCELADO",
            "O pedido pode estar no caixa.",
            "O botão foi segurado, e o pedido não pôde ser cancelado: há outro, ou o Mercado Pago recusou.",
            "Veja qual pedido está no caixa.",
            "Se for preciso cancelar, segure o botão de novo.",
        ),
        "en": _slip(
            "NOT CANCELLED",
            "The order may be on the till.",
            "The button was held, and the order could not be cancelled: another one is there, or Mercado Pago refused.",
            "See which order is on the till.",
            "If it must go, hold the button again.",
        ),
    },
    Concern.SILENT_PRINTER: {
        "es": _slip(
            "TICKET DUDOSO",
            "Fíjese si salió el ticket.",
            "La impresora recibió un ticket y no confirmó que lo imprimió.",
            "Busque ese ticket entre los últimos papeles.",
            "Si no está, la venta está pagada igual: pida una copia a soporte.",
        ),
        "pt": _slip(
            "TICKET EM DÚVIDA",
            "Veja se o ticket saiu.",
            "A impressora recebeu um ticket e não confirmou que o imprimiu.",
            "Procure esse ticket entre os últimos papéis.",
            "Se não estiver, a venda está paga assim mesmo: peça uma cópia ao suporte.",
        ),
        "en": _slip(
            "TICKET IN DOUBT",
            "Check whether the ticket is out.",
            "The printer took a ticket and didn't confirm that it printed it.",
            "Look for that ticket among the last papers.",
            "If it isn't there, the sale is paid all the same: ask support for a copy.",
        ),
    },
    Concern.UNREADABLE: {
        "es": _slip(
            "CONSULTA FALLIDA",
            "Puede faltar un ticket.",
            "Mercado Pago no responde bien a una pregunta, una y otra vez.",
            "Si un cliente pagó y falta su ticket, busque el pago en Mercado Pago.",
            "Avise a soporte.",
        ),
        "pt": _slip(
            "CONSULTA FALHOU",
            "Pode faltar um ticket.",
            "O Mercado Pago não responde bem a uma pergunta, várias vezes.",
            "Se um cliente pagou e falta o ticket, procure o pagamento no Mercado Pago.",
            "Avise o suporte.",
        ),
        "en": _slip(
            "QUESTION FAILED",
            "A ticket may be missing.",
            "Mercado Pago gives no sensible answer to one question, again and again.",
            "If a customer paid and the ticket is missing, look up the payment in Mercado Pago.",
            "Tell support.",
        ),
    },
    Concern.JOURNAL_DAMAGED: {
        "es": _slip(
            "MEMORIA DAÑADA",
            "Avise a soporte.",
            "La tarjeta de memoria falló y se perdieron los últimos instantes.",
            "Puede salir algún ticket marcado COPIA: entregue una sola vez.",
            "Hay que cambiar pronto la tarjeta de memoria.",
        ),
        "pt": _slip(
            "MEMÓRIA COM ERRO",
            "Avise o suporte.",
            "O cartão de memória falhou e os últimos instantes se perderam.",
            "Pode sair algum ticket marcado CÓPIA: entregue uma só vez.",
            "É preciso trocar logo o cartão de memória.",
        ),
        "en": _slip(
            "MEMORY DAMAGED",
            "Tell support.",
            "The memory card failed, and the last moments are lost.",
            "Some tickets may come marked COPY: hand over the goods only once.",
            "The memory card must be replaced soon.",
        ),
    },
    Concern.NOT_CONFIRMED: {
        "es": _slip(
            "TICKET RETENIDO",
            "MP ya no confirma el pago.",
            "Esta venta estaba pagada, y Mercado Pago ya no lo confirma. Su ticket espera.",
            "No entregue hasta ver el pago en Mercado Pago.",
            "Si está, pida a soporte que imprima el ticket.",
        ),
        "pt": _slip(
            "TICKET RETIDO",
            "O MP não confirma o pagamento.",
            "Esta venda estava paga, e o Mercado Pago não confirma mais. O ticket espera.",
            "Não entregue antes de ver o pagamento no Mercado Pago.",
            "Se estiver lá, peça ao suporte que imprima o ticket.",
        ),
        "en": _slip(
            "TICKET HELD BACK",
            "MP doesn't confirm the payment.",
            "This sale was paid, and Mercado Pago no longer confirms it. Its ticket waits.",
            "Hand over nothing before you see the payment in Mercado Pago.",
            "If it is there, ask support to print the ticket.",
        ),
    },
    Concern.STUCK_BUTTON: {
        "es": _slip(
            "BOTÓN TRABADO",
            "Suéltelo o revise su cable.",
            "El botón está apretado desde hace rato, y por eso no se le hace caso.",
            "Mire si algo lo aprieta.",
            "Si está suelto, avise a soporte: puede ser el cable.",
        ),
        "pt": _slip(
            "BOTÃO PRESO",
            "Solte-o ou confira o fio.",
            "O botão está apertado há algum tempo, e por isso é ignorado.",
            "Veja se algo o aperta.",
            "Se está solto, avise o suporte: pode ser o fio.",
        ),
        "en": _slip(
            "BUTTON STUCK",
            "Release it, or check its wire.",
            "The button has been down for a while, so it is ignored.",
            "See whether something presses it.",
            "If nothing does, tell support: it may be the wire.",
        ),
    },
}
"""All but those that are told otherwise, see `notices.TOLD_OTHERWISE`."""

GIVEN_BACK: Mapping[str, str] = {"es": "Devuelto", "pt": "Devolvido", "en": "Refunded"}
"""Beside what was given back of a payment."""

REASON_WORDS: Mapping[str, Mapping[str, str]] = {
    Verdict.WRONG_COLLECTOR: {
        "es": "La cobró otra cuenta de Mercado Pago.",
        "pt": "Foi recebida por outra conta do Mercado Pago.",
        "en": "Another Mercado Pago account received it.",
    },
    Verdict.ANOTHER_TILL: {
        "es": "Se pagó en otra caja.",
        "pt": "Foi paga em outro caixa.",
        "en": "It was paid at another till.",
    },
    Verdict.CANCELLED: {
        "es": "Mercado Pago la da por cancelada.",
        "pt": "O Mercado Pago a considera cancelada.",
        "en": "Mercado Pago says that it is cancelled.",
    },
    Verdict.EXPIRED: {"es": "Venció sin pago.", "pt": "Venceu sem pagamento.", "en": "It expired unpaid."},
    Verdict.REFUNDED: {
        "es": "El pago se devolvió, entero o en parte.",
        "pt": "O pagamento foi devolvido, todo ou em parte.",
        "en": "The payment was refunded, in full or in part.",
    },
    Verdict.NOT_COVERED: {
        "es": "Lo pagado no alcanza para el total.",
        "pt": "O valor pago não cobre o total.",
        "en": "What was paid doesn't cover the total.",
    },
    Verdict.NO_PLACE: {
        "es": "Mercado Pago no dice en qué caja se pagó.",
        "pt": "O Mercado Pago não diz em qual caixa foi paga.",
        "en": "Mercado Pago doesn't say at which till it was paid.",
    },
    Verdict.MIXED_CURRENCIES: {
        "es": "Se pagó en más de una moneda.",
        "pt": "Foi paga em mais de uma moeda.",
        "en": "It was paid in more than one currency.",
    },
}
"""Why a sale has no ticket, by the `reason` on the `tickets` topic."""
