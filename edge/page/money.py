"""In which currency this till sells, and how its country writes amounts, for the browser to format them. Pure."""

from collections.abc import Iterable
from typing import Any

from edge.config.schema import Config
from edge.core.lifecycle import Order
from edge.core.order import DECIMALS

COUNTRIES = {
    "ARS": ("es-AR", ("America/Argentina/", "America/Buenos_Aires", "America/Cordoba")),
    "BRL": (
        "pt-BR",
        (
            "America/Sao_Paulo",
            "America/Bahia",
            "America/Fortaleza",
            "America/Recife",
            "America/Belem",
            "America/Manaus",
            "America/Cuiaba",
            "America/Campo_Grande",
            "America/Maceio",
            "America/Araguaina",
            "America/Porto_Velho",
            "America/Boa_Vista",
            "America/Rio_Branco",
            "America/Santarem",
            "America/Eirunepe",
            "America/Noronha",
            "Brazil/",
        ),
    ),
    "CLP": ("es-CL", ("America/Santiago", "America/Punta_Arenas", "America/Coyhaique", "Pacific/Easter", "Chile/")),
    "UYU": ("es-UY", ("America/Montevideo",)),
    "MXN": ("es-MX", ("America/Mexico_City", "America/Monterrey", "America/Tijuana", "America/Cancun", "Mexico/")),
    "PEN": ("es-PE", ("America/Lima",)),
    "COP": ("es-CO", ("America/Bogota",)),
}
"""Currency -> how its country writes numbers, and how the names of its time zones begin."""


def money_of(config: Config, orders: Iterable[Order] = ()) -> dict[str, Any]:
    """The currency that the last sale was paid in, or else that of the shop's time zone."""
    paid = (order.reading.currency for order in orders if order.reading and order.reading.currency)
    currency = next(paid, "") or _by_time_zone(config.till.timezone.key)
    locale = COUNTRIES[currency][0] if currency in COUNTRIES else ""
    return {"currency": currency, "locale": locale, "decimals": DECIMALS.get(currency, 2)}


def _by_time_zone(name: str) -> str:
    """ "" where nobody has sold with this product yet: the amount is shown as a number."""
    return next((currency for currency, (_, zones) in COUNTRIES.items() if name.startswith(zones)), "")
