"""The commands with which the relay is set up, taken out of its documents, as a reader types them.

A code block is what is indented by four or more behind an empty line. A numbered step that links another page's section
means that section. What can't be typed as it stands is in `TYPED_INSTEAD`, and nothing else is changed.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "relay" / "README.md"
BROKER_README = ROOT / "relay" / "mosquitto" / "README.md"
OPERATIONS, WATCH = ROOT / "docs" / "operations.md", "being-told-till-relay-watch"
SETUP, BROKER_SETUP, SOFTWARE = "from-nothing-to-a-ringing-doorbell", "setting-it-up", "the-shops-till-software"
"""Sections, as links name them."""

RELAY, MQTT = "relay.test", "mqtt.test"
CERTIFICATES = "/etc/caddy/made"
"""Where a certificate and its key for each of the two names lie, by an authority of the test's own."""

HOOK = ("198.51.100.1", 8099)
"""Where a webhook of the test's waits for the alerts: outside the machine."""
SECTIONS = (
    "sed -i -E '/^# (fleet|watch):/,/^$/ s/^# ?//; s/open: 08:00-22:00/open: 00:00-23:59/; "
    "s/dark_minutes: 10 /dark_minutes: 1 /' /etc/till-relay/relay.yaml"
)
"""What a person does in an editor: the sections fleet and watch, of shops that never close."""

TYPED_INSTEAD = (
    # The two names, in commands and in the files that are written.
    (r"relay\.example\.net", RELAY),
    (r"mqtt\.example\.net", MQTT),
    (r" +# and write your two names in it", " && sed -i 's/example.net/test/' /etc/till-relay/relay.yaml"),
    (r"nano /etc/till-relay/relay\.yaml .*", SECTIONS),
    # Where alerts go.
    (r"mailtos://\S+\n *tgram://\S+", f"json://{HOOK[0]}:{HOOK[1]}/alerts"),
    # Let's Encrypt: no certificate authority of the world knows these names.
    (rf"(?m)^{RELAY} {{$", f"{RELAY} {{\n    tls {CERTIFICATES}/{RELAY}.pem {CERTIFICATES}/{RELAY}.key"),
    (
        r"(?m)^certbot certonly .*$",
        f"install -D {CERTIFICATES}/{MQTT}.pem /etc/letsencrypt/live/{MQTT}/fullchain.pem\n"
        f"install -D {CERTIFICATES}/{MQTT}.key /etc/letsencrypt/live/{MQTT}/privkey.pem",
    ),
    # A password that a person is asked for.
    (r"mosquitto_passwd (\S+ \S+) +# asks for a password", r"mosquitto_passwd -b \1 secret"),
)
STEP = re.compile(r"\d+\. .*\]\(([^)#]+\.md)#([a-z0-9-]+)\)")


class Block(NamedTuple):
    """A code block, as it is typed, and where it stands."""

    page: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def commands(page: Path = README, section: str = SETUP) -> Iterator[Block]:
    """The blocks of a section, and of the sections that its steps link, in a reader's order."""
    for block in as_written(page, section):
        text = block.text
        for written, typed in TYPED_INSTEAD:
            text = re.sub(written, typed, text)
        yield block._replace(text=text)


def as_written(page: Path, section: str) -> Iterator[Block]:
    """The same, with nothing changed."""
    lines, number = page.read_text().splitlines(), 0
    began = next((at for at, line in enumerate(lines) if line.startswith("## ") and _anchor(line[3:]) == section), None)
    if began is None:
        raise LookupError(f"{page} has no section #{section}")
    number = began + 1
    while number < len(lines) and not lines[number].startswith("## "):
        if step := STEP.match(lines[number]):
            yield from as_written((page.parent / step[1]).resolve(), step[2])
        end = _block_end(lines, number)
        if end > number and not lines[number - 1].strip():
            yield Block(page, number + 1, textwrap.dedent("\n".join(lines[number:end])).strip() + "\n")
        number = max(end, number + 1)


def packages() -> list[str]:
    """What apt is told to install."""
    found = [re.findall(r"(?m)^apt install (.*)$", block.text) for block in commands()]
    return [package for lines in found for line in lines for package in line.split()]


def _block_end(lines: list[str], number: int) -> int:
    """The line behind the block that begins at `number`; `number`, if none does."""
    end = number
    while end < len(lines) and lines[end].startswith("    "):
        end += 1
        if end + 1 < len(lines) and not lines[end].strip() and lines[end + 1].startswith("    "):
            end += 1
    return end


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
