"""`till-edge adopt`: what an installer left on the boot partition becomes the configuration, and is wiped there.

A power cut at any moment is made good at the next boot: what still lies there is adopted once more, which changes
nothing, and the wiping goes on. The configuration goes last, for that is what till-edge-adopt.service looks for. A
bundle with a mistake stays as it is, and ERROR.txt beside it says what to mend. So it is with a card that fails.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge.config.schema import ConfigError
from edge.install.adopt.bundle import CONFIGURATION, adopt, bundle_in, meant, resume
from edge.machine.files import sync

DROPPED = Path("/boot/firmware/till-edge")
"""Where `till-provision` puts a bundle, as the till sees it."""
DONE, ERROR = "DONE.txt", "ERROR.txt"
WIPED = ".wiped-"
"""How the name of a file begins that is being wiped."""
NOTE = ".txt"
"""What is written for people, and is no part of a bundle."""

DONE_TEXT = """\
ES  La caja tomó su configuración, y las claves se borraron de esta tarjeta.
    Para cambiar algo: otra vez till-provision, con --again.
PT  O caixa recebeu a sua configuração, e as senhas foram apagadas deste cartão.
    Para mudar algo: outra vez till-provision, com --again.
EN  The till took its configuration, and the secrets were wiped from this card.
    To change something: till-provision again, with --again.
"""
ERROR_TEXT = """\
ES  La caja no tomó esta configuración. Corrija lo que sigue y arranque de nuevo; mientras tanto no cambió nada.
PT  O caixa não aceitou esta configuração. Corrija o que segue e ligue de novo; até lá nada mudou.
EN  The till did not take this configuration. Mend what follows and start it again; until then nothing has changed.

{faults}
"""


class CardError(Exception):
    """The card takes nothing; the text says where, why, and what to do."""


def hand_over(dropped: Path, home: Path) -> None:
    """Adopt the bundle in `dropped` and wipe it there.

    Raises `ConfigError` if it is unfit and `CardError` if the card is, after saying so there.
    """
    try:
        with _told(f"{home}: can't be written", "make room, or take another card"):
            resume(home)
            files = _take(dropped, home)
    except (ConfigError, CardError) as error:
        _say(dropped / ERROR, ERROR_TEXT.format(faults=error))
        raise
    with _told(f"{dropped}: what was adopted can't be wiped there", "keep this card by you, or wipe it on a laptop"):
        if files:
            _clear(dropped)
        else:
            _finish_wiping(dropped)
    print(
        f"{home}: {', '.join(sorted(files))}, adopted from {dropped} and wiped there"
        if files
        else f"{dropped}: nothing to adopt"
    )


def _take(dropped: Path, home: Path) -> Mapping[str, bytes]:
    """Adopt what lies there; what that was."""
    if not (dropped / CONFIGURATION).exists():
        return {}
    files = without_notes(bundle_in(dropped))
    adopt(files, home)
    return files


@contextlib.contextmanager
def _told(what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CardError(f"{what}: {error.strerror}; {advice}") from None


def without_notes(bundle: Mapping[str, bytes]) -> dict[str, bytes]:
    """What of a folder is for the till, and not for people."""
    return {name: content for name, content in bundle.items() if not name.endswith(NOTE)}


def _clear(dropped: Path) -> None:
    (dropped / ERROR).unlink(missing_ok=True)
    for path in sorted(dropped.iterdir()):
        if path.is_file() and path.name != DONE and meant(path.name) != CONFIGURATION:
            wipe(path)
    _say(dropped / DONE, DONE_TEXT)
    wipe(dropped / CONFIGURATION)


def _finish_wiping(dropped: Path) -> None:
    """What a power cut ended."""
    for path in sorted(dropped.glob(f"{WIPED}*")):
        wipe(path)


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
