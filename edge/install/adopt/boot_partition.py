"""`till-edge adopt`: the bundle on the boot partition becomes the configuration, and is wiped there.

The next boot makes good a power cut at any moment: what is still there is adopted again, which changes nothing, and the
wiping goes on. The configuration is wiped last, because till-edge-adopt.service looks for it. A bundle with a mistake
stays as it is, and ERROR.txt beside it says what to correct; so it is if the till's card fails.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge.config.schema import ConfigError
from edge.install.adopt.bundle import CONFIGURATION, adopt, bundle_in, known_as, resume
from edge.machine.files import sync

DONE_NOTE, ERROR_NOTE = "DONE.txt", "ERROR.txt"
WIPING_PREFIX = ".wiped-"
"""Of the name of a file while it is being wiped."""
NOTE_SUFFIX = ".txt"
"""Of files that are for people, and no part of a bundle."""

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
EN  The till did not take this configuration. Correct what follows and restart it; until then nothing changes.

{faults}
"""


class CardError(Exception):
    """A card can't be written; the text says where, why, and what to do."""


def hand_over(dropped: Path, home: Path) -> None:
    """Adopt the bundle in `dropped` as the configuration in `home`, and wipe it in `dropped`.

    Raises `ConfigError` for an unfit bundle and `CardError` for a failing card, after writing an ERROR.txt.
    """
    try:
        with _as_card_error(f"{home}: can't be written", "make room, or use another card"):
            resume(home)
            files = _take(dropped, home)
    except (ConfigError, CardError) as error:
        _write_note(dropped / ERROR_NOTE, ERROR_TEXT.format(faults=error))
        raise
    not_wiped = f"{dropped}: what was adopted can't be wiped there"
    with _as_card_error(not_wiped, "keep this card safe, or wipe it on a laptop"):
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
    """Adopt the bundle in `dropped`, if there is one. Returns its files."""
    if not (dropped / CONFIGURATION).exists():
        return {}
    files = without_notes(bundle_in(dropped))
    adopt(files, home)
    return files


@contextlib.contextmanager
def _as_card_error(what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CardError(f"{what}: {error.strerror}; {advice}") from None


def without_notes(bundle: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a folder that are for the till, not for people."""
    return {name: content for name, content in bundle.items() if not name.endswith(NOTE_SUFFIX)}


def _clear(dropped: Path) -> None:
    (dropped / ERROR_NOTE).unlink(missing_ok=True)
    for path in sorted(dropped.iterdir()):
        if path.is_file() and path.name != DONE_NOTE and known_as(path.name) != CONFIGURATION:
            wipe(path)
    _write_note(dropped / DONE_NOTE, DONE_TEXT)
    wipe(dropped / CONFIGURATION)


def _finish_wiping(dropped: Path) -> None:
    """Go on where a power cut stopped the wiping."""
    for path in sorted(dropped.glob(f"{WIPING_PREFIX}*")):
        wipe(path)


def wipe(path: Path) -> None:
    """Overwrite a file, then delete it. Copies in cells that the card has set aside are beyond any program's reach.

    It is renamed first: half a file, after a power cut, must not look like a part of a bundle.
    """
    wiping = path.name.startswith(WIPING_PREFIX)
    doomed = path if wiping else path.rename(path.with_name(WIPING_PREFIX + path.name))
    sync(path.parent)
    with doomed.open("r+b") as file:
        file.write(bytes(doomed.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    doomed.unlink()
    sync(path.parent)


def _write_note(path: Path, text: str) -> None:
    """Write a note for a person with the card in a laptop, hence the line ends. Not worth failing for.

    In place, and not as a whole: a `.new` that a power cut left here would be taken for a part of the bundle.
    """
    try:
        with path.open("w", encoding="utf-8", newline="\r\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        print(f"{path}: can't be written: {error.strerror}", file=sys.stderr)
