"""Requests to the simulated Mercado Pago over HTTP, with the token."""

from typing import Any

import requests

from sim.mercadopago import MercadoPago

TILL = "/instore/qr/seller/collectors/700100200/pos/SUC001POS003/orders"
PUT = "/instore/qr/seller/collectors/700100200/stores/SUC001/pos/SUC001POS003/orders"
ITEM = {"title": "Yerba", "unit_price": 2675.25, "quantity": 2, "unit_measure": "unit", "total_amount": 5350.5}
ORDER = {"external_reference": "R1", "title": "T", "description": "D", "total_amount": 5350.5, "items": [ITEM]}


def ask(service: MercadoPago, method: str, path: str, **how: Any) -> requests.Response:
    """Send one request with the token."""
    headers = {"Authorization": f"Bearer {service.access_token}"}
    return requests.request(method, service.url + path, headers=headers, timeout=5, **how)


def get(service: MercadoPago, path: str, **query: Any) -> Any:
    """Return the JSON of a GET."""
    return ask(service, "GET", path, params=query).json()


def found(service: MercadoPago, reference: str) -> list[dict[str, Any]]:
    """Return the merchant orders that a search for a reference finds."""
    return get(service, "/merchant_orders/search", external_reference=reference)["elements"] or []


def state(service: MercadoPago, reference: str = "R1") -> tuple[str, str, float]:
    """Return `status`, `order_status` and `paid_amount` of the first merchant order of a reference."""
    order = found(service, reference)[0]
    return order["status"], order["order_status"], order["paid_amount"]


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Return status and code of an in-store error."""
    assert answer.json().keys() == {"error", "message", "status", "causes"}
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["error"]
