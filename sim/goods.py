"""What the demo's shop is called and sells, in the three languages of its tickets: a Portuguese one is in Brazil."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Goods:
    """A shop's own words. Made below, one for each language; read by the demo, for its configuration and its orders."""

    site: str
    """Mercado Pago's country."""
    time_zone: str
    till: str
    header: tuple[str, ...]
    legend: str
    """That the ticket is no invoice."""
    footer: str
    items: tuple[tuple[str, str, str], ...]
    """Title, quantity, unit price."""

    def settings(self, language: str) -> dict[str, Any]:
        """What the till's configuration says of them."""
        till = {"name": self.till, "timezone": self.time_zone, "language": language}
        return {"till": till, "ticket": {"header": list(self.header), "legend": self.legend, "footer": [self.footer]}}

    def line(self, number: int) -> tuple[str, str, str]:
        """One of the items, again from the first after the last."""
        return self.items[number % len(self.items)]

    def order(self, count: int) -> tuple[list[str], str]:
        """The first so many items, as `Shop.order` takes them, and what they come to."""
        items = self.items[:count]
        total = sum((Decimal(quantity) * Decimal(price) for _, quantity, price in items), Decimal(0))
        return [":".join(item) for item in items], str(total)


GOODS = {
    "es": Goods(
        "MLA",
        "America/Argentina/Buenos_Aires",
        "Caja 1",
        ("KIOSCO SUR", "Av. Siempre Viva 742"),
        "DOCUMENTO NO VÁLIDO COMO FACTURA",
        "¡Gracias por su compra!",
        (
            ("Yerba mate 1 kg", "2", "2675.25"),
            ("Café con leche", "1", "1800"),
            ("Alfajor de maicena", "3", "950"),
            ("Medialunas", "6", "450"),
        ),
    ),
    "pt": Goods(
        "MLB",
        "America/Sao_Paulo",
        "Caixa 1",
        ("MERCEARIA DO SUL", "Rua das Laranjeiras, 742"),
        "NÃO É DOCUMENTO FISCAL",
        "Obrigado pela compra!",
        (
            ("Erva-mate 1 kg", "2", "26.75"),
            ("Café com leite", "1", "9.50"),
            ("Pão de queijo", "3", "5.90"),
            ("Brigadeiro", "6", "4.50"),
        ),
    ),
    "en": Goods(
        "MLA",
        "America/Argentina/Buenos_Aires",
        "Till 1",
        ("THE CORNER SHOP", "742 Siempre Viva Avenue"),
        "THIS IS NOT AN INVOICE",
        "Thank you!",
        (
            ("Yerba mate 1 kg", "2", "2675.25"),
            ("Coffee with milk", "1", "1800"),
            ("Cornflour biscuit", "3", "950"),
            ("Croissant", "6", "450"),
        ),
    ),
}
DEFAULT_LANGUAGE = "es"


def language_of(wanted: str) -> str:
    """The first that the demo speaks of languages as `LANGUAGE` lists them: "pt", "en_GB:en"; else Spanish."""
    codes = (word.strip().lower()[:2] for word in wanted.split(":"))
    return next((code for code in codes if code in GOODS), DEFAULT_LANGUAGE)
