"""`till-edge account`: the account's stores and points of sale, and what is wrong with each, before a till is set up.

The points of sale with which nothing is wrong also make the rows of the table that `till-relay enroll --csv` reads.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from edge.install.check.account import COUNTRY_BY_SITE
from edge.mercadopago.account import Account, ListedPos, Store

COLUMNS = ("till", "name", "user_id", "store", "pos", "timezone", "language", "header", "support", "printer")
"""The last two are empty, for a person to fill in."""
NEW_POS = "make one, as docs/install.md says in 2"
TIMEZONE_BY_SITE = {
    "MLA": "America/Argentina/Buenos_Aires",
    "MLB": "America/Sao_Paulo",
    "MLC": "America/Santiago",
    "MLU": "America/Montevideo",
    "MLM": "America/Mexico_City",
    "MPE": "America/Lima",
    "MCO": "America/Bogota",
}
"""That of the capital, or the largest city: a shop elsewhere in Brazil, Chile or Mexico may have another."""
SEVERAL_TIMEZONES = ("MLB", "MLC", "MLM")
CATEGORIES_BY_SITE = {
    "MLA": {"621102": "gastronomy", "473000": "fuel"},
    "MLB": {"5611203": "gastronomy", "4731300": "fuel"},
    "MLC": {"561000": "gastronomy", "473001": "fuel"},
    "MLU": {"56101": "gastronomy", "47300": "fuel"},
    "MLM": {"5812": "gastronomy"},
    "MCO": {"5611": "gastronomy"},
    "MPE": {"5520": "gastronomy"},
}
"""The categories that Mercado Pago's reference of points of sale names, by country."""
EXTERNAL_POS_ID = re.compile(r"[A-Za-z0-9]{1,39}", re.ASCII)
EXTERNAL_STORE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)


def faults_of_store(account: Account, store: Store) -> Iterator[str]:
    """What is wrong with a store, with what to do."""
    names = Counter(each.external_id for each in account.stores)
    if not store.external_id:
        where = f"/users/{account.owner.user_id}/stores/{store.id}"
        yield f"has no external_id, as one made in the app: PUT {where} gives one"
    elif names[store.external_id] > 1:
        yield f"{names[store.external_id]} stores have the external_id {store.external_id}; give each its own"
    elif not EXTERNAL_STORE_ID.fullmatch(store.external_id):
        yield f"its external_id {store.external_id!r} can't be written here: 1 to 60 of A-Z a-z 0-9 _ . -"


def faults_of_pos(account: Account, pos: ListedPos) -> Iterator[str]:
    """What is wrong with a point of sale, with what to do, the worst first."""
    names = Counter(each.external_id for each in account.points_of_sale)
    if not pos.external_id:
        yield f"has no external_id, as one made in the app: PUT /pos/{pos.id} gives one"
    elif names[pos.external_id] > 1:
        yield f"{names[pos.external_id]} points of sale have the external_id {pos.external_id}; make others"
    elif not EXTERNAL_POS_ID.fullmatch(pos.external_id):
        yield f"its external_id {pos.external_id!r} has more than letters and digits; make another point of sale"
    yield from _faults_of_its_store(account, pos)
    if not pos.active:
        yield "is not active; activate it in the account"
    if not pos.fixed_amount:
        yield f"has fixed_amount false: customers type any amount, without an order; PUT /pos/{pos.id} sets it to true"
    if not pos.has_qr:
        yield "has no QR to print; make another point of sale"
    yield from _faults_of_its_category(account.owner.site, pos)


def _faults_of_its_store(account: Account, pos: ListedPos) -> Iterator[str]:
    if not pos.store_id:
        yield f"belongs to no store; PUT /pos/{pos.id} with a store_id"
        return
    store = store_of(account, pos)
    if store is None:
        yield f"belongs to store {pos.store_id}, which this account doesn't have"
    elif any(faults_of_store(account, store)):
        yield f"its store {store.name or store.id} can't be used, see there"
    elif pos.external_store_id not in ("", store.external_id):
        both = f"names the store {pos.external_store_id}, and belongs to {store.external_id}"
        yield f"{both}; PUT /pos/{pos.id} corrects it"


def _faults_of_its_category(site: str, pos: ListedPos) -> Iterator[str]:
    known = CATEGORIES_BY_SITE.get(site, {})
    if pos.category not in ("", *known) and any(pos.category in each for each in CATEGORIES_BY_SITE.values()):
        names = " or ".join(f"{code} ({name})" for code, name in known.items())
        yield f"its category {pos.category} is of another country; here it is {names}, or none"


def store_of(account: Account, pos: ListedPos) -> Store | None:
    """The store that a point of sale belongs to, if the account has it."""
    return next((store for store in account.stores if store.id == pos.store_id), None)


def usable(account: Account) -> list[ListedPos]:
    """The points of sale that may become tills."""
    return [pos for pos in account.points_of_sale if not any(faults_of_pos(account, pos))]


# --- for people ------------------------------------------------------------------------------------------------------


def as_text(account: Account) -> Iterator[str]:
    """All of it, by store, line by line."""
    owner = account.owner
    country = COUNTRY_BY_SITE.get(owner.site, owner.site or "no country")
    yield f"account {owner.user_id}{f' ({owner.nickname})' if owner.nickname else ''}, {country}"
    for store in account.stores:
        yield from _store_lines(account, store)
    stray = [pos for pos in account.points_of_sale if store_of(account, pos) is None]
    if stray:
        yield from ("", "points of sale without a store of this account")
        yield from _pos_lines(account, stray)
    if not account.stores:
        yield from ("", f"no store: {NEW_POS}")
    yield from ("", f"{len(usable(account))} of {len(account.points_of_sale)} points of sale can be a till")
    if len(usable(account)) < len(account.points_of_sale):
        yield "how to mend what is marked !!: docs/install.md, 2"
    if not account.complete:
        yield "some could not be read and are missing here"


def _store_lines(account: Account, store: Store) -> Iterator[str]:
    where = f", {store.address}" if store.address else ""
    yield from ("", f"store {store.external_id or '-'}: {store.name} ({store.id}){where}")
    yield from (f"    !! {fault}" for fault in faults_of_store(account, store))
    inside = [pos for pos in account.points_of_sale if pos.store_id == store.id]
    yield from _pos_lines(account, inside) if inside else [f"    no point of sale: {NEW_POS}"]


def _pos_lines(account: Account, points_of_sale: list[ListedPos]) -> Iterator[str]:
    for pos in points_of_sale:
        faults = list(faults_of_pos(account, pos))
        yield f"  {'!!' if faults else 'ok'} {pos.external_id or '-'}: {pos.name} ({pos.id})"
        yield from (f"       {fault}" for fault in faults)


# --- for the table ---------------------------------------------------------------------------------------------------


def as_csv(account: Account) -> str:
    """The rows of the table, with the heading: a till for each point of sale with which nothing is wrong."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(_row(account, pos) for pos in usable(account))
    return text.getvalue()


def _row(account: Account, pos: ListedPos) -> list[str]:
    store, owner = store_of(account, pos), account.owner
    assert store  # or it would not be usable
    language = "pt" if owner.site == "MLB" else "es"
    header = "|".join(filter(None, (store.name.replace("|", " "), store.address.replace("|", " "))))
    timezone = TIMEZONE_BY_SITE.get(owner.site, "")
    row = [pos.external_id, pos.name, owner.user_id, store.external_id, pos.external_id, timezone, language, header]
    return [*row, "", ""]


def remarks(account: Account) -> Iterator[str]:
    """What a person must look at in the rows."""
    left_out = len(account.points_of_sale) - len(usable(account))
    if left_out:
        yield f"{left_out} points of sale are left out; without --csv it is listed what is wrong with them"
    if account.owner.site in SEVERAL_TIMEZONES:
        yield f"check the column timezone: {COUNTRY_BY_SITE[account.owner.site]} has more than one"
