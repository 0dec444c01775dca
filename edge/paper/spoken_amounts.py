"""Amounts as people say them, cut into pieces that can be recorded once: "mil", "trescientos", "treinta y un", "pesos".

A table for each language: its numerals, and what each country calls its money. `pieces_of_amount` gives the pieces of
one sum; `all_pieces` gives every piece that any sum can need. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from edge.paper.money import ARITHMETIC, CURRENCY_DIGITS, DIGITS

TOO_LARGE = 10**9
"""From here on the sum isn't said: no shop takes it, and the languages part ways."""
SHORT_CENTS = 10
"""Fewer cents are always named: "con cinco" could be taken for "con cincuenta"."""


@dataclass(frozen=True)
class Unit:
    """Money by its name: one, and more of it."""

    one: str
    many: str


@dataclass(frozen=True)
class Numerals:
    """How a language counts, as far as money is counted: every unit here is masculine."""

    small: tuple[str, ...]
    """From nought on, as far as each number has a name of its own, in front of a noun: "un", not "uno"."""
    tens: tuple[str, ...]
    """From twenty on."""
    joint: str
    """Between tens and units."""
    hundreds: tuple[str, ...]
    """From one hundred on, with more behind it."""
    hundred: str
    """One hundred alone."""
    thousand: str
    one_thousand: str
    million: Unit
    millions_of: str
    """Between whole millions and the money; "" for nothing."""
    cents_joint: str
    """Between money and cents."""
    links: str = ""
    """In front of tens behind their hundreds, and of a last group that is short or round; "" for nothing."""
    bare_cents: bool = False
    """Cents behind money are a mere number: "pesos con cincuenta"."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ES = Numerals(
    small=_words(
        "cero un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
        "dieciocho diecinueve veinte veintiún veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
        "veintiocho veintinueve"
    ),
    tens=_words("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa"),
    joint=" y ",
    hundreds=_words(
        "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
    ),
    hundred="cien",
    thousand="mil",
    one_thousand="mil",
    million=Unit("un millón", "millones"),
    millions_of="de",
    cents_joint="con",
    bare_cents=True,
)

PT = Numerals(
    small=_words(
        "zero um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete "
        "dezoito dezenove"
    ),
    tens=_words("vinte trinta quarenta cinquenta sessenta setenta oitenta noventa"),
    joint=" e ",
    hundreds=_words("cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos"),
    hundred="cem",
    thousand="mil",
    one_thousand="mil",
    million=Unit("um milhão", "milhões"),
    millions_of="de",
    cents_joint="e",
    links="e",
)

EN = Numerals(
    small=_words(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ),
    tens=_words("twenty thirty forty fifty sixty seventy eighty ninety"),
    joint="-",
    hundreds=tuple(f"{digit} hundred" for digit in _words("one two three four five six seven eight nine")),
    hundred="one hundred",
    thousand="thousand",
    one_thousand="one thousand",
    million=Unit("one million", "million"),
    millions_of="",
    cents_joint="and",
)

NUMERALS: Mapping[str, Numerals] = {"es": ES, "pt": PT, "en": EN}

PESOS, DOLLARS = Unit("peso", "pesos"), Unit("dólar", "dólares")
CENTAVOS = Unit("centavo", "centavos")
CENTESIMOS, CENTIMOS = Unit("centésimo", "centésimos"), Unit("céntimo", "céntimos")

MONEY: Mapping[str, Mapping[str, tuple[Unit, Unit]]] = {
    "es": {
        **dict.fromkeys(("ARS", "CLP", "COP", "MXN"), (PESOS, CENTAVOS)),
        "UYU": (PESOS, CENTESIMOS),
        "BRL": (Unit("real", "reales"), CENTAVOS),
        "PEN": (Unit("sol", "soles"), CENTIMOS),
        "USD": (DOLLARS, CENTAVOS),
    },
    "pt": {
        **dict.fromkeys(("ARS", "CLP", "COP", "MXN"), (PESOS, CENTAVOS)),
        "UYU": (PESOS, CENTESIMOS),
        "BRL": (Unit("real", "reais"), CENTAVOS),
        "PEN": (Unit("sol", "sóis"), Unit("cêntimo", "cêntimos")),
        "USD": (DOLLARS, CENTAVOS),
    },
    "en": {
        **dict.fromkeys(("ARS", "CLP", "COP", "MXN"), (PESOS, CENTAVOS)),
        "UYU": (PESOS, Unit("centesimo", "centesimos")),
        "BRL": (Unit("real", "reais"), CENTAVOS),
        "PEN": (Unit("sol", "soles"), Unit("centimo", "centimos")),
        "USD": (Unit("dollar", "dollars"), Unit("cent", "cents")),
    },
}
"""By language and currency: what the money is called, and its hundredth."""


def pieces_of_amount(amount: Decimal, currency: str, language: str) -> tuple[str, ...]:
    """Cut a sum into pieces. Empty where we have no words: an unknown currency, nothing or less, or far too much."""
    units = MONEY[language].get(currency)
    digits = CURRENCY_DIGITS.get(currency, DIGITS)
    rounded = amount.quantize(Decimal(1).scaleb(-digits), context=ARITHMETIC)
    if units is None or not 0 < rounded < TOO_LARGE:
        return ()
    whole, cents = divmod(int(rounded * 100), 100)
    numerals = NUMERALS[language]
    return tuple(_glued(_sum(whole, cents, units, numerals), numerals.links))


def pieces_of_number(number: int, language: str) -> tuple[str, ...]:
    """Cut a number of things, of one to 999,999,999, into pieces."""
    numerals = NUMERALS[language]
    return tuple(_glued(_number(number, numerals), numerals.links))


def _sum(whole: int, cents: int, units: tuple[Unit, Unit], numerals: Numerals) -> Iterator[str]:
    money, hundredth = units
    if whole:
        yield from _counted(whole, money, numerals)
    if whole and cents:
        yield numerals.cents_joint
    if whole and cents >= SHORT_CENTS and numerals.bare_cents:
        yield _alone(_below_hundred(cents, numerals))
    elif cents:
        yield _below_hundred(cents, numerals)
        yield hundredth.one if cents == 1 else hundredth.many


def _alone(number: str) -> str:
    """A Spanish number without a noun behind it: veintiuno, treinta y uno."""
    return re.sub("[uú]n$", "uno", number)


def _glued(pieces: Iterator[str], link: str) -> Iterator[str]:
    """A link isn't a piece of its own: alone it would sound like the name of its letter."""
    for piece in pieces:
        yield f"{piece} {next(pieces)}" if piece == link else piece


def _counted(number: int, unit: Unit, numerals: Numerals) -> Iterator[str]:
    yield from _number(number, numerals)
    if number % 10**6 == 0 and numerals.millions_of:
        yield numerals.millions_of
    yield unit.one if number == 1 else unit.many


def _number(number: int, numerals: Numerals) -> Iterator[str]:
    """Millions, of which there may be thousands, and what is below them."""
    millions, rest = divmod(number, 10**6)
    if millions == 1:
        yield numerals.million.one
    elif millions:
        yield from _below_million(millions, numerals)
        yield numerals.million.many
    if rest:
        yield from _below_million(rest, numerals, behind=millions > 0)


def _below_million(number: int, numerals: Numerals, behind: bool = False) -> Iterator[str]:
    """`behind`: something larger was said before it."""
    thousands, rest = divmod(number, 1000)
    if thousands == 1:
        yield from _link(behind and not rest, numerals)
        yield numerals.one_thousand
    elif thousands:
        yield from _link(behind and not rest and _is_short(thousands), numerals)
        yield from _below_thousand(thousands, numerals)
        yield numerals.thousand
    if rest:
        yield from _link((behind or thousands > 0) and _is_short(rest), numerals)
        yield from _below_thousand(rest, numerals)


def _is_short(group: int) -> bool:
    return group < 100 or group % 100 == 0


def _link(wanted: bool, numerals: Numerals) -> Iterator[str]:
    if wanted and numerals.links:
        yield numerals.links


def _below_thousand(number: int, numerals: Numerals) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    if hundreds:
        yield numerals.hundred if number == 100 else numerals.hundreds[hundreds - 1]
        yield from _link(rest > 0, numerals)
    if rest:
        yield _below_hundred(rest, numerals)


def _below_hundred(number: int, numerals: Numerals) -> str:
    if number < len(numerals.small):
        return numerals.small[number]
    tens, units = divmod(number, 10)
    name = numerals.tens[tens - 2]
    return f"{name}{numerals.joint}{numerals.small[units]}" if units else name


def all_pieces(language: str) -> tuple[str, ...]:
    """Every piece that a sum can need, each once."""
    numerals, units = NUMERALS[language], MONEY[language].values()
    names = [name for pair in units for unit in pair for name in (unit.one, unit.many)]
    groups = [group for number in (*range(1, 101), *range(200, 1000, 100)) for group in _number(number, numerals)]
    groups += [*numerals.hundreds, numerals.one_thousand]
    larger = [numerals.thousand, numerals.million.one, numerals.million.many, numerals.millions_of]
    linked = [f"{numerals.links} {group}" for group in groups] if numerals.links else [numerals.cents_joint]
    bare = [_alone(group) for group in groups] if numerals.bare_cents else []
    return tuple(dict.fromkeys(filter(None, (*names, *groups, *larger, *linked, *bare))))
