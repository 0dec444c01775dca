"""The ESC/POS commands around a ticket: to ask, watch, prove and clean up. The names are from Epson's reference."""

RESET = b"\x1b@"
"""`ESC @`"""

FILLER = bytes(32)
"""Zeros print nothing. They fill up a command that was cut off, a bell or a short QR code, which would take what comes
next for its own: of a question it would make a length of thousands."""

ASK_STATUS = b"\x10\x04"
"""`DLE EOT n`, answered at once, even by a printer that can't print."""

ASK_NAME = b"\x1dI"
"""`GS I n`"""
MAKER, MODEL = 66, 67
"""The n of `GS I n`."""

BARRIER = b"\x1dr\x01"
"""`GS r 1`, answered when everything before it was processed."""

PROCESS_ID = b"\x1d(H\x06\x0000"
"""`GS ( H`, function 48; four digits follow, which are echoed when everything before them is on paper."""

WATCH = b"\x1da\x0e"
"""`GS a`: automatic status of line, errors and paper, for a roll may be changed between two looks. A reset ends it."""
STOP_WATCHING = b"\x1da\x00"

CLEAR_BUFFERS = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
"""`DLE DC4`, function 8."""

CUT_OFF_LEFTOVERS = RESET + b"\x1bd\x06\x1dV\x01"
"""Reset, feed the leftovers past the cutter, cut them off."""

BELLS = {"esc_a": b"\x1b(A\x04\x0007%c\x0a", "esc_b": b"\x1bB%c\x02"}
"""`ESC ( A`, function 48, of Epson's; `ESC B` of many others: the printer's own bell, so many times. One that doesn't
know it prints letters, so a person is asked first."""
