"""`python -m sim.printer`: a printer alone, for a look at what comes out."""

import argparse
import contextlib
import threading
from pathlib import Path

from sim.printer.printer import Printer


def main() -> None:
    """Print each ticket as text when it comes out. Never returns."""
    parser = argparse.ArgumentParser("python -m sim.printer", description="A receipt printer on the loopback.")
    parser.add_argument("--port", type=int, default=9100, help="0 takes a free one")
    parser.add_argument("--columns", type=int, default=48, help="48 for 80 mm paper, 32 for 58 mm")
    parser.add_argument(
        "--model", default="EPSON TM-T20III", help="its answer to GS I; '' for one that doesn't know it"
    )
    parser.add_argument("--save", type=Path, default=Path("out"), help="where tickets go, as .txt and .png")
    options = parser.parse_args()
    options.save.mkdir(parents=True, exist_ok=True)
    with Printer(options.columns, save_to=options.save, port=options.port) as printer:
        maker, _, model = options.model.rpartition(" ")
        printer.name = (maker, model) if model else None
        print(f"listening on {printer.host}:{printer.port}; tickets go to {options.save}/", flush=True)
        _show_tickets(printer)


def _show_tickets(printer: Printer) -> None:
    shown = 0
    while True:
        for ticket in printer.wait_for_tickets(shown + 1, timeout=threading.TIMEOUT_MAX)[shown:]:
            print(ticket.text, flush=True)
            shown += 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
