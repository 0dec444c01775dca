"""Readings for tests of the pure core: paid, unless the name says otherwise."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from edge.core.order import Item, MerchantOrder, Payment

USER = "700100200"
POS = "55001"
EXTERNAL_POS = "SUC001POS003"
REFERENCE = "t3-20260302-000417-7f3c"

APPROVED = Payment(
    "98000000002", "approved", Decimal("5350.5"), Decimal(0), "ARS", datetime(2026, 3, 2, 21, 39, 20, tzinfo=UTC)
)

PAID = MerchantOrder(
    id="31415926535",
    status="closed",
    order_status="paid",
    external_reference=REFERENCE,
    collector_id=USER,
    cancelled=False,
    total=Decimal("5350.5"),
    site="MLA",
    items=(Item("Yerba 1 kg", Decimal(2), Decimal("2675.25")),),
    payments=(APPROVED,),
)
OPENED = replace(PAID, status="opened", order_status="payment_required", payments=())
