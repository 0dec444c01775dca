"""Finds a USB printer in sysfs, and the name that the kernel read from it. Nothing is opened or sent."""

from pathlib import Path

from edge.config.schema import PrinterConfig
from edge.printer.models import full_name

PRINTER_CLASS = "07"
"""The USB interface class of printers. Product ids don't help: they change with a printer's settings."""


class UsbError(Exception):
    """No USB printer can be opened; the text is the reason, for people."""


def find_usb_printer(sysfs: Path = Path("/sys")) -> Path:
    """Return the device node of the first USB printer. Raises `UsbError`."""
    for node in sorted((sysfs / "class/usbmisc").glob("lp*")):
        if _is_printer(node / "device/bInterfaceClass"):
            return Path("/dev/usb") / node.name
    if any(_is_printer(interface) for interface in (sysfs / "bus/usb/devices").glob("*/bInterfaceClass")):
        raise UsbError("a USB printer is plugged in but has no /dev/usb/lp*: load the kernel module usblp")
    raise UsbError("no USB printer found: is it plugged in and switched on?")


def usb_name(config: PrinterConfig, sysfs: Path = Path("/sys")) -> str:
    """Return maker and model from a USB printer's device id; "" if there is none, or no USB printer.

    The kernel read it when the printer was plugged in (IEEE 1284, an attribute of the module usblp), so it is there
    even for a printer that answers nothing else.
    """
    if config.connection != "usb":
        return ""
    try:
        node = (config.device or find_usb_printer(sysfs)).name
        text = (sysfs / "class/usbmisc" / node / "device/ieee1284_id").read_text(encoding="latin-1")
    except (OSError, UsbError):
        return ""
    values = {key.strip(): value.strip() for key, _, value in (pair.partition(":") for pair in text.split(";"))}
    return full_name(values.get("MFG") or values.get("MANUFACTURER", ""), values.get("MDL") or values.get("MODEL", ""))


def _is_printer(attribute: Path) -> bool:
    try:
        return attribute.read_text().strip() == PRINTER_CLASS
    except OSError:  # unplugged in the meantime
        return False
