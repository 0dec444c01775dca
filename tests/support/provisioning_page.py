"""Writes the part of docs/provisioning.md that shows a card: `python -m tests.support.provisioning_page`."""

import tempfile
from pathlib import Path

from tests.support.cards import ROOT, WIFI, Laptop, listed

PAGE = ROOT / "docs" / "provisioning.md"
BEGIN, END = "<!-- written by tests/support/provisioning_page.py -->\n", "<!-- to here -->\n"
COMMON = ("till-edge-setup/first-boot.sh", "till-edge-setup/install.sh", "till-edge-setup/till-edge-install.service")

SAYS = {
    "till-edge/access_token": "**secret**; wiped when the till has taken it over",
    "till-edge/broker_password": "**secret**; wiped when the till has taken it over",
    "till-edge/config.yaml": "the till's configuration; wiped last",
    "till-edge-setup/each-boot.sh": "begins first boot again, until all of it is done",
    "till-edge-setup/first-boot.sh": "leaves the unit that installs",
    "till-edge-setup/install.sh": "what that unit runs",
    "till-edge-setup/till-edge-install.service": "that unit",
    "till-edge-setup/till-edge_0.1.0_all.deb": "the package; deleted when it is installed",
    "till-edge-setup/wifi": "**secret**: the Wi-Fi's name, key and country; wiped when the package is installed",
    "firstrun.sh": "run once by the kernel's command line; deletes itself",
    "cmdline.txt": "the kernel's command line, with firstrun.sh at its end until that has run",
    "network-config": "for cloud-init; with a Wi-Fi in it **secret**, and wiped when the package is installed",
    "meta-data": "for cloud-init: another `instance-id` is another machine, and all is done again",
    "user-data": "for cloud-init: host, user, key, and what to run",
    "ssh": "empty: lets SSH in",
}


def page_part() -> str:
    with tempfile.TemporaryDirectory() as folder:
        laptop = Laptop(Path(folder))
        return _release(laptop, "trixie") + _release(laptop, "bookworm") + _both(laptop)


def _files(laptop: Laptop, release: str) -> dict[str, bytes]:
    card = laptop.folder / release
    if not card.exists():
        laptop.card(release, release)
        before = listed(card)
        code, said = laptop.type("--boot", release, "--bundle", "CAJA01", "--ssh-key", "me.pub", *WIFI)
        assert code == 0, said
        files = {name: content for name, content in listed(card).items() if before.get(name) != content}
    else:
        files = listed(card)
    return {name: files[name] for name in SAYS if name in files}


def _release(laptop: Laptop, release: str) -> str:
    files = _files(laptop, release)
    lines = [f"## {release.capitalize()}\n\n| file | what it is |\n|---|---|\n"]
    lines += [f"| `{name}` | {SAYS[name]} |\n" for name in files]
    own = [name for name in files if name not in COMMON and not name.startswith("till-edge/") and files[name]]
    return "".join(lines) + "\n" + "".join(_shown(name, files[name]) for name in own if not name.endswith(".deb"))


def _both(laptop: Laptop) -> str:
    files = _files(laptop, "trixie")
    return "## On both\n\n" + "".join(_shown(name, files[name]) for name in COMMON)


def _shown(name: str, content: bytes) -> str:
    return f"`{name}`\n\n```\n{content.decode()}```\n\n"


def in_page(text: str) -> tuple[int, int]:
    return text.index(BEGIN) + len(BEGIN), text.index(END)


if __name__ == "__main__":
    text = PAGE.read_text()
    begin, end = in_page(text)
    PAGE.write_text(text[:begin] + page_part() + text[end:])
