"""Programs that are run for a test: in this process, or as one of their own."""

import contextlib
import io
import signal
from collections.abc import Callable, Sequence


def typed(main: Callable[[Sequence[str]], int], *words: object) -> tuple[int, str]:
    """Run a command in this process: its exit code, and all that it prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main([*map(str, words)])
    return code, said.getvalue()


def with_default_signals() -> None:
    """For `preexec_fn`: a child of nohup, or of a job in the background, inherits that it ignores SIGINT and SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
