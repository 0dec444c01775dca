"""What nobody outside Mercado Pago knows for sure, or what differs from day to day: one switch for each.

The defaults are what the documentation says, or else what most integrators saw. Tests turn them one by one, at any
time: they are read at each step.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass
class Switches:
    """How this Mercado Pago behaves."""

    # --- merchant orders and notifications ---
    mo_created_at: Literal["put", "scan", "payment", "never_opened_notification"] = "scan"
    """When a merchant order appears. The last: at the scan, and nobody is told before it is paid."""
    opened_notice: Literal["before", "after", "both"] = "before"
    """When `opened` is told, seen from `closed`. No order is guaranteed."""
    scans: int = 1
    """How many merchant orders one scan leaves; all but the newest stay `opened`."""
    expired_status: Literal["opened", "expired"] = "opened"
    """What the merchant order of an expired order says."""
    refund_words: Literal["old", "2026"] = "old"
    """`order_status` after a refund: `reverted`, or `refunded` as in the OpenAPI of 2026."""
    cancelled_key: Literal["cancelled", "canceled"] = "cancelled"
    detail_key: Literal["status_detail", "status_details"] = "status_detail"
    payment_names_reference: bool = True
    order_names_reference: bool = True

    # --- how soon what can be read ---
    search_lag_seconds: float = 0.0
    """Until a search shows what a read by id shows at once."""
    hidden_after_notification_seconds: float = 0.0
    """For how long a read by id answers 404 although the first notification went out."""

    # --- the order on the till ---
    till_answer: Literal["object", "array"] = "object"
    life_seconds: float = 600.0
    longest_life_seconds: float | None = 600.0
    """Longer than this no order lives, whatever `expiration_date` says; None: as long as it says."""
    enforce_sums: bool = False
    """Refuse an order whose items don't add up."""
    whole_pesos: bool = True
    """Refuse decimals in Chile."""
    absent_delete_status: Literal[400, 404, 500] = 400
    """DELETE when nothing is there, or when it was paid."""
    locked_status: Literal[400, 409, 423] = 409
    """DELETE while somebody is paying."""
    locked_put_refused: bool = False
    """Refuse a PUT too while somebody is paying."""
    unknown_pos_status: Literal[400, 404] = 404

    # --- the Orders API ---
    orders_have_merchant_orders: bool = True
    """Whether an order of `/v1/orders` can also be read as a merchant order, which its payment names."""
    search_finds_qr_orders: bool = True
    """Whether `GET /v1/orders` finds orders of type `qr`; it is documented with those of type `online`."""
