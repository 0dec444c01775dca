"""One sale, told line by line as it happens."""

import time
from collections.abc import Callable

from sim.goods import Goods
from sim.shop import Shop

ITEMS = 3


def tell(shop: Shop, goods: Goods) -> int:
    """Play one sale and print its ticket. Returns the exit code."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.2f} s  {text}", flush=True)

    say(f"A shop is open: till CAJA01, light {_light(shop)}.")
    items, total = goods.order(ITEMS)
    (_created if shop.api == "orders" else _put)(shop, shop.order(*items, total=total), total, say)
    shop.mercadopago.account.pay(status="rejected")
    say("The first card is rejected. Nothing is printed.")
    paid = time.monotonic()
    payment = shop.mercadopago.account.pay()
    say(f"The second card is approved: payment {payment['id']}. A doorbell arrives, and the till asks Mercado Pago.")
    [ticket] = shop.printer.wait_for_tickets(1)
    milliseconds = (time.monotonic() - paid) * 1000
    shop.wait_for_state("paid")
    say(f"{milliseconds:.0f} ms after the payment the ticket was out; light {_light(shop)}:")
    print("\n" + "\n".join(f"      | {line:48} |" for line in ticket.text.splitlines()) + "\n")
    [report] = shop.wait_for_outcome("printed")
    say(f"The printer proved it, and the till publishes: {report['outcome']} {report['external_reference']}.")
    return 0


def _put(shop: Shop, reference: str, total: str, say: Callable[[str], None]) -> None:
    """The in-store API: the order is on the till, which can be asked; a scan is notified."""
    say(f"The shop's software puts order {reference} on the till: $ {total}.")
    identity = shop.mercadopago.account.scan()
    shop.wait_for_state("waiting")
    say(f"A customer scans the QR. Mercado Pago opens merchant order {identity}; light {_light(shop)}.")


def _created(shop: Shop, reference: str, total: str, say: Callable[[str], None]) -> None:
    """The Orders API: the order has an id, which the shop's software announces."""
    [identity] = shop.mercadopago.order_book.orders
    say(f"The shop's software creates order {reference} for the till: $ {total}. Its id is {identity}.")
    shop.wait_for_state("waiting")
    say(f"It announces that id, and the till reads the order; light {_light(shop)}.")
    shop.mercadopago.account.scan()
    say("A customer scans the QR.")


def _light(shop: Shop) -> str:
    """The colours that are on, and whether they blink."""
    looks = shop.board.watch(0.6)
    colors = [color for color in looks[0] if any(look[color] for look in looks)]
    blinking = any(look != looks[0] for look in looks)
    return (" and ".join(colors) or "dark") + (", blinking" if blinking else "")
