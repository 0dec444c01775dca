"""A box of cards, an installer's laptop, and what is typed on it."""

import base64
import contextlib
import io
from pathlib import Path

from provision.command import main

ROOT = Path(__file__).parent.parent.parent

COMMAND_LINES = {
    "bookworm": "console=serial0,115200 console=tty1 root=PARTUUID=8acef004-02 rootfstype=ext4 fsck.repair=yes rootwait"
    " quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n",
    "trixie": "console=serial0,115200 console=tty1 root=PARTUUID=7351b90c-02 rootfstype=ext4 fsck.repair=yes rootwait"
    " resize\n",
}
"""As the images have them: github.com/RPi-Distro/raspberrypi-sys-mods/issues/103."""

CONFIG = """\
till:
  id: {till}
  timezone: America/Argentina/Buenos_Aires
mercadopago:
  user_id: 700100200
  external_store_id: SUC001
  external_pos_id: POS{till}
  access_token_file: /etc/till-edge/access_token
broker:
  host: mqtt.example.net
  username: {till}
  password_file: broker_password
printer:
  connection: usb
"""
TOKEN, PASSWORD = "APP_USR-7001-secret", "the-brokers-secret"
KIND = b"ssh-ed25519"
KEY = f"{KIND.decode()} {base64.b64encode(len(KIND).to_bytes(4) + KIND + bytes(36)).decode()} it's me\n"
PACKAGE = "till-edge_0.1.0_all.deb"


def bundle(folder: Path, till: str = "CAJA01", **more: str) -> Path:
    """As `till-relay enroll` leaves one, with the token that was put into it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG.format(till=till))
    (folder / "access_token").write_text(TOKEN + "\n")
    (folder / "broker_password").write_text(PASSWORD)
    (folder / "notification_address.txt").write_text(f"https://relay.example.net/mp/{till}/secret\n")
    for name, text in more.items():
        (folder / name).write_text(text)
    return folder


class Laptop:
    """A folder with all that an installer has at hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / PACKAGE).write_bytes(b"!<arch>\ndebian-binary   and so on")
        (folder / "me.pub").write_text(KEY)
        (folder / "wifi.txt").write_text("correcto caballo\n")
        bundle(folder / "CAJA01")

    def card(self, release: str = "trixie", name: str = "bootfs") -> Path:
        """A boot partition as the image has it."""
        card = self.folder / name
        (card / "overlays").mkdir(parents=True)
        (card / "config.txt").write_text("# For more options and information see\n")
        (card / "cmdline.txt").write_text(COMMAND_LINES[release])
        (card / "issue.txt").write_text("Raspberry Pi reference 2026-10-06\nGenerated using pi-gen, stage2\n")
        if release == "trixie":
            for seed in ("user-data", "network-config"):
                (card / seed).write_text("# explanations only\n")
            (card / "meta-data").write_text("dsmode: local\ninstance_id: rpios-image\n")
        return card

    def type(self, *words: object) -> tuple[int, str]:
        """Run `till-provision`; its exit code and all that it said."""
        said = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["--deb", PACKAGE, *map(str, words)])
        return code, said.getvalue()

    def one(self, *words: object) -> tuple[int, str]:
        return self.type("--boot", "bootfs", "--bundle", "CAJA01", "--ssh-key", "me.pub", *words)

    def many(self, table: str | bytes, *words: object) -> tuple[int, str]:
        (self.folder / "tills.csv").write_bytes(table.encode() if isinstance(table, str) else table)
        return self.type("--csv", "tills.csv", "--out", "cards", "--ssh-key", "me.pub", *words)


WIFI = ("--wifi-ssid", 'Kiosco "Ñandú"', "--wifi-password-file", "wifi.txt", "--wifi-country", "AR")


def listed(folder: Path) -> dict[str, bytes]:
    """All files, by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
