"""What a person must look at. Pure; the journal keeps it until somebody presses the button."""

from dataclasses import dataclass
from enum import StrEnum


class Concern(StrEnum):
    """Why a person must look. The values are in the journal and in the status."""

    LATE_MONEY = "late_money"
    DOUBLE_PAYMENT = "double_payment"
    REJECTED = "rejected"
    NOT_CANCELLED = "not_cancelled"
    UNREADABLE = "unreadable"
    PAID_WITHOUT_ORDER = "paid_without_order"
    SILENT_PRINTER = "silent_printer"
    JOURNAL_DAMAGED = "journal_damaged"
    TWINS = "two_devices_with_this_identity"


@dataclass(frozen=True)
class Notice:
    """One thing to look at. Raised by what the till learns; a press of the button says that somebody looked."""

    concern: Concern
    reference: str = ""
    """An order's reference, a payment's id, or whatever names the thing; "" where nothing has to be named."""
