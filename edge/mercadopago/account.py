"""An account's stores and points of sale, all of them, as `till-edge account` lists them. Either API sells there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from edge.mercadopago.decode import Owner, decode_owner
from edge.mercadopago.exchange import Exchange
from edge.mercadopago.fields import Json, Page, as_object, count_of, id_of, page_of, text_of

MAX_PAGES = 100
"""Of 50 each; who has more than 5,000 points of sale makes his table in another way."""
NO_STORE = ("", "0")


@dataclass(frozen=True)
class Store:
    """A store, as the account has it."""

    id: str
    name: str
    external_id: str
    """"" for one that was made in the app."""
    address: str


@dataclass(frozen=True)
class ListedPos:
    """A point of sale, as the account has it. What is missing there is "" here."""

    id: str
    name: str
    external_id: str
    store_id: str
    external_store_id: str
    category: str
    """A merchant category code; "" for any business."""
    fixed_amount: bool
    active: bool
    has_qr: bool


@dataclass(frozen=True)
class Account:
    """All that an installer chooses from. `read_account` makes it."""

    owner: Owner
    stores: tuple[Store, ...]
    points_of_sale: tuple[ListedPos, ...]
    complete: bool
    """Every element could be read."""


T = TypeVar("T", Store, ListedPos)


@dataclass(frozen=True)
class _Listed(Generic[T]):
    found: tuple[T, ...]
    complete: bool


def read_account(exchange: Exchange) -> Account:
    """Read the account that the token belongs to. Raises `ApiError`, `DecodeError`."""
    owner = decode_owner(exchange.get("/users/me"))
    stores = _all(exchange, f"/users/{owner.user_id}/stores/search", _store)
    points_of_sale = _all(exchange, "/pos", _pos)
    return Account(owner, stores.found, points_of_sale.found, stores.complete and points_of_sale.complete)


def _all(exchange: Exchange, path: str, decode: Callable[[Any], T]) -> _Listed[T]:
    """Each element once, even from a server that knows no pages and repeats the first."""
    found, complete = exchange.search(path, {}, lambda answer: _page(answer, decode), MAX_PAGES)
    return _Listed(tuple({each.id: each for each in found}.values()), complete)


def _page(answer: Any, decode: Callable[[Any], T]) -> Page[T]:
    page = as_object(answer, "search")
    return page_of(page, "results", decode, count_of(as_object(page.get("paging") or {}, "paging"), "total"))


def _store(answer: Any) -> Store:
    store = as_object(answer, "store")
    return Store(id_of(store, "id"), text_of(store, "name"), text_of(store, "external_id"), _address(store))


def _address(store: Json) -> str:
    where = store.get("location")
    if not isinstance(where, dict):
        return ""
    street = " ".join(filter(None, (text_of(where, "street_name"), text_of(where, "street_number"))))
    return ", ".join(filter(None, (street, text_of(where, "city_name")))) or text_of(where, "address_line")


def _pos(answer: Any) -> ListedPos:
    pos = as_object(answer, "POS")
    store_id = text_of(pos, "store_id")
    return ListedPos(
        id=id_of(pos, "id"),
        name=text_of(pos, "name"),
        external_id=text_of(pos, "external_id"),
        store_id="" if store_id in NO_STORE else store_id,
        external_store_id=text_of(pos, "external_store_id"),
        category=text_of(pos, "category"),
        fixed_amount=pos.get("fixed_amount") is True,
        active=pos.get("status", "active") == "active",
        has_qr=bool(pos.get("qr") or pos.get("qr_code") or pos.get("qr_code_image")),
    )
