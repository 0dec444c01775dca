"""Programs as processes of their own."""

import signal


def with_default_signals() -> None:
    """For `preexec_fn`: a child of nohup, or of a job in the background, inherits that it ignores SIGINT and SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
