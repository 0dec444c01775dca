"""The ways to people: apprise's addresses, one a line of a file, because they contain passwords.

All mistakes of the file are reported at once, by line; no address shows in a message, a log or a metric.
"""

import hashlib
import logging
import re
from pathlib import Path
from typing import Any

import apprise

from relay.config import ConfigError
from relay.watch.words import Letter

log = logging.getLogger(__name__)

NAME_CHARS = 12
EXAMPLES = "mailto://user:password@example.net?to=me@example.net, tgram://TOKEN/CHAT, jsons://host/path"
MEANS_MORE = re.compile(r"[@/]|%(?![0-9A-Fa-f]{2})")
SIGNS = "%40 for @, %3A for :, %2F for /, %3F for ?, %23 for #, %25 for %"


class Channel:
    """One address. `name` stands for it in the memory: a changed address is another channel."""

    def __init__(self, address: str, plugin: Any, line: int) -> None:
        self.name = hashlib.sha256(address.encode()).hexdigest()[:NAME_CHARS]
        self.label = f"{address.partition('://')[0]} in line {line}"
        self._apprise = apprise.Apprise()
        self._apprise.add(plugin)

    def send(self, letter: Letter) -> bool:
        """Send it, and say whether that worked. It may take the seconds that a server lets us wait."""
        try:
            return bool(self._apprise.notify(letter.text, letter.title, body_format=apprise.NotifyFormat.TEXT))
        except Exception:  # a plugin of a hundred others must not end the watch
            log.exception("%s: apprise failed", self.label)
            return False


def open_channels(path: Path) -> list[Channel]:
    """Read the file. Raises `ConfigError` with all its mistakes."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            [f"{path}: can't be read ({reason}); write apprise's addresses into it, one a line"]
        ) from None
    written = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log the address
    opened = [(number, address, apprise.Apprise.instantiate(address)) for number, address in written]
    logging.getLogger("apprise").setLevel(logging.WARNING)
    faults = [
        f"{path}:{number}: {_fault(address)}"
        for number, address, plugin in opened
        if not plugin or _is_ambiguous(address)
    ]
    addresses = [address for _, address in written]
    faults += [f"{path}:{n}: is there twice" for i, (n, address) in enumerate(written) if address in addresses[:i]]
    if not written:
        faults = [f"{path}: has no address; write apprise's, one a line, like {EXAMPLES}"]
    if faults:
        raise ConfigError(faults)
    return [Channel(address, plugin, number) for number, address, plugin in opened]


def _is_ambiguous(address: str) -> bool:
    """Whether a mail's user or password has a sign that means something else in an address: apprise cuts it there."""
    kind, _, rest = address.partition("://")
    place, _, _ = rest.partition("?")
    login = place.rpartition("@")[0]
    return kind.startswith("mailto") and ("#" in place or login.count(":") > 1 or bool(MEANS_MORE.search(login)))


def _fault(address: str) -> str:
    kind, colon, _ = address.partition("://")
    if _is_ambiguous(address):
        return f"the user or the password has a sign that an address can't have; write {SIGNS}"
    if not colon:
        return f"is no address; write one of apprise's, like {EXAMPLES}"
    return (
        f"apprise can't use this address of the kind {kind[:20]!r}; see https://github.com/caronc/apprise for its form"
    )
