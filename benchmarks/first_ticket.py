"""How long does the first ticket after a restart take, on a printer that can prove it by its status only?

`python -m benchmarks.first_ticket --rounds 5 --beside FOLDER`. A till sells three times, is switched off and on, and
sells again; the time is taken from the payment to the outcome that is published. FOLDER is another clone, with a
`.venv` of its own, measured in turn with this one, so that a busy machine slows down both.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent
PROOFS = ("status", "real_time")
"""What the simulated printer can do: `GS r` as well as `DLE EOT`, or `DLE EOT` alone."""

TICKETS_BEFORE = 3
"""So many tickets show what a printer can prove."""
OUTCOME_TIMEOUT_S = 90.0


def measure(proof: str) -> float:
    """Seconds from the payment to the published outcome, of the code in this process's folder."""
    from sim.shop import Shop

    with tempfile.TemporaryDirectory() as folder, Shop(Path(folder), printer=_printer(proof)) as shop:
        shop.wait_for_state("ready")
        for number in range(TICKETS_BEFORE):
            _sell(shop, number)
        shop.board.shut_down()
        shop.board.plug_in()
        shop.wait_for_state("ready")
        return _sell(shop, TICKETS_BEFORE)


def _printer(proof: str) -> Any:
    try:
        return importlib.import_module("sim.printer.printer").Printer(proof=proof)
    except ModuleNotFoundError:  # an older clone
        return importlib.import_module("sim.printer").Printer(proof=proof)


def _sell(shop: Any, number: int) -> float:
    began, reference = time.monotonic(), f"sale-{number}"
    shop.sell(reference)
    deadline = began + OUTCOME_TIMEOUT_S
    while not any(outcome["external_reference"] == reference for outcome in shop.outcomes):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no outcome of {reference}")
        time.sleep(0.01)
    return time.monotonic() - began


def in_folder(folder: Path, proof: str) -> float:
    """The same, of the code in another folder."""
    command = [folder / ".venv/bin/python", Path(__file__).absolute(), "--only", proof]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.first_ticket")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", type=Path, help="another clone, measured in turn with this one")
    parser.add_argument("--only", choices=PROOFS, help="measure once, and print the seconds")
    options = parser.parse_args()
    if options.only:
        print(measure(options.only))
        return 0
    folders = [HERE, *([options.beside] if options.beside else [])]
    for proof in PROOFS:
        found = [[in_folder(folder, proof) for folder in folders] for _ in range(options.rounds)]
        for folder, seconds in zip(folders, zip(*found, strict=True), strict=True):
            shown = f"{min(seconds):.1f} to {max(seconds):.1f} s, median {statistics.median(seconds):.1f} s"
            print(f"{proof}, {folder.name}: {shown}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
