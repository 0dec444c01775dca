"""A bug in a thread or in a task ends the process at once, loudly, and systemd starts it again.

Without that, it would live on without a part of itself, and answer 503, or stay silent, until somebody noticed.
"""

import logging
import os
import threading

log = logging.getLogger(__name__)

FAILED = 1


def end_with_any_thread() -> None:
    """From now on, whichever thread ends by an exception ends the process."""
    threading.excepthook = lambda hook: end_by(hook.exc_value, "a thread")


def end_by(error: BaseException | None, what: str) -> None:
    """End the process with exit code 1. `what`: what ended by a bug, for the log."""
    if error is not None:
        log.critical("%s ended by a bug; so does this process", what, exc_info=error)
    os._exit(FAILED)
