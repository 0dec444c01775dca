"""`till-edge adopt`: what an installer left on the boot partition becomes the configuration, and is wiped there.

A power cut at any moment is made good at the next boot: what still lies there is adopted once more, which changes
nothing, and the wiping goes on. The configuration goes last, for that is what till-edge-adopt.service looks for. A
bundle with a mistake stays as it is, and ERROR.txt beside it says what to mend.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from edge.config import ConfigError
from edge.files import sync
from edge.install.adopt import CONFIGURATION, adopt, bundle_in, resume

DROPPED = Path("/boot/firmware/till-edge")
"""Where `till-edge provision` puts a bundle, as the till sees it."""
DONE, ERROR = "DONE.txt", "ERROR.txt"
WIPED = ".wiped-"
"""How the name of a file begins that is being wiped."""
NOTE = ".txt"
"""What is written for people, and is no part of a bundle."""

DONE_TEXT = """\
ES  La caja tomó su configuración, y las claves se borraron de esta tarjeta.
    Para cambiar algo: otra vez till-edge provision, con --again.
PT  O caixa recebeu a sua configuração, e as senhas foram apagadas deste cartão.
    Para mudar algo: outra vez till-edge provision, com --again.
EN  The till took its configuration, and the secrets were wiped from this card.
    To change something: till-edge provision again, with --again.
"""
ERROR_TEXT = """\
ES  La caja no tomó esta configuración. Corrija lo que sigue y arranque de nuevo; mientras tanto no cambió nada.
PT  O caixa não aceitou esta configuração. Corrija o que segue e ligue de novo; até lá nada mudou.
EN  The till did not take this configuration. Mend what follows and start it again; until then nothing has changed.

{faults}
"""


def hand_over(dropped: Path, home: Path) -> None:
    """Adopt the bundle in `dropped` and wipe it there. Raises `ConfigError` if it is unfit, after saying so there."""
    resume(home)
    for path in sorted(dropped.glob(f"{WIPED}*")):  # whose wiping a power cut ended
        wipe(path)
    if not (dropped / CONFIGURATION).exists():
        print(f"{dropped}: nothing to adopt")
        return
    try:
        files = without_notes(bundle_in(dropped))
        adopt(files, home)
    except ConfigError as error:
        _say(dropped / ERROR, ERROR_TEXT.format(faults="\n".join(error.faults)))
        raise
    _clear(dropped)
    print(f"{home}: {', '.join(sorted(files))}, adopted from {dropped} and wiped there")


def without_notes(bundle: Mapping[str, bytes]) -> dict[str, bytes]:
    """What of a folder is for the till, and not for people."""
    return {name: content for name, content in bundle.items() if not name.endswith(NOTE)}


def _clear(dropped: Path) -> None:
    (dropped / ERROR).unlink(missing_ok=True)
    for path in sorted(dropped.iterdir()):
        if path.is_file() and path.name not in (CONFIGURATION, DONE):
            wipe(path)
    _say(dropped / DONE, DONE_TEXT)
    wipe(dropped / CONFIGURATION)


def wipe(path: Path) -> None:
    """Overwrite, then delete. What a card keeps of it in cells that it has set aside, no program can reach.

    Half of a file that is cut off in this must be taken for no part of a bundle: it has another name by then.
    """
    doomed = path if path.name.startswith(WIPED) else path.rename(path.with_name(WIPED + path.name))
    sync(path.parent)
    with doomed.open("r+b") as file:
        file.write(bytes(doomed.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    doomed.unlink()
    sync(path.parent)


def _say(path: Path, text: str) -> None:
    """Written for a person with the card in a laptop, hence the line ends. Not worth failing for."""
    try:
        with path.open("w", encoding="utf-8", newline="\r\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        print(f"{path}: can't be written: {error.strerror}", file=sys.stderr)
