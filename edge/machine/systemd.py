"""Messages to the service manager: ready, alive, stopping. Without one, they go nowhere.

The protocol is sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names.
"""

import os
import socket

WORKING = "working"
"""The status of a daemon that has its journal; packaging/update-gate of an older package waits for this word."""


def ready(status: str) -> None:
    """Say that the daemon has come up, and how it is. May be repeated with another status."""
    _notify(f"READY=1\nSTATUS={status}")


def alive() -> None:
    """Feed the watchdog. Call this where work has progressed, never from a timer."""
    _notify("WATCHDOG=1")


def stopping() -> None:
    _notify("STOPPING=1")


def _notify(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        # An address that begins with @ is abstract.
        notifier.connect("\0" + address[1:] if address.startswith("@") else address)
        notifier.send(message.encode())
