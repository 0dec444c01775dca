"""What a command returns to the shell and to systemd."""

DONE, FAILED, USAGE = 0, 1, 2
BAD_CONFIG = 78
"""EX_CONFIG of sysexits.h. systemd does not restart the daemon after it."""
INTERRUPTED = 130
