"""Trixie's first boot: cloud-init, which finds these files on the boot partition (data source NoCloud)."""

import hashlib
import re
from typing import Any

import yaml

from provision import first_boot
from provision.plan import Plan
from provision.values import Wifi

GROUPS = "users,adm,dialout,audio,netdev,video,plugdev,cdrom,games,input,gpio,spi,i2c,render,sudo"
"""As Raspberry Pi Imager gives them to its user."""
HEADER = "# Made by till-provision.\n"


EACH_BOOT = """\
#!/bin/sh
# cloud-init runs this at each boot. What it runs only once counts as done before it has begun, so that a power cut then
# would be for good. First boot is started again until install.sh has ended and left the card's meta-data here.
cmp -s /boot/firmware/meta-data /usr/local/lib/till-edge-installed && exit 0
sh /boot/firmware/till-edge-setup/first-boot.sh
systemctl start --no-block till-edge-install.service
"""


def files(plan: Plan) -> dict[str, bytes]:
    """The files of this release by their paths on the boot partition."""
    user_data = f"#cloud-config\n{HEADER}{_yaml(_user_data(plan))}".encode()
    network = f"{HEADER}{_yaml(_network(plan.wifi))}".encode()
    # To cloud-init another plan is another machine, for which it does all of its work again.
    contents = (package.content for package in plan.packages)
    digest = hashlib.sha256(b"\0".join((user_data, network, *contents, *plan.bundle.values()))).hexdigest()[:12]
    meta_data = {"dsmode": "local", "instance-id": f"till-edge-{plan.hostname}-{digest}"}
    return {
        "network-config": network,
        # Both releases take this file as the order to let SSH in.
        "ssh": b"",
        "meta-data": f"{HEADER}{_yaml(meta_data)}".encode(),
        "user-data": user_data,
        f"{first_boot.SETUP}/each-boot.sh": EACH_BOOT.encode(),
    }


def _user_data(plan: Plan) -> dict[str, Any]:
    setup = f"{first_boot.BOOT}/{first_boot.SETUP}"
    person = {
        "name": plan.user,
        "groups": GROUPS,
        "shell": "/bin/bash",
        "lock_passwd": True,
        # The user has no password that could be asked for.
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": list(plan.ssh_keys),
    }
    return {
        "hostname": plan.hostname,
        "manage_etc_hosts": True,
        "timezone": plan.timezone,
        "users": [person],
        "ssh_pwauth": False,
        "bootcmd": [["sh", f"{setup}/each-boot.sh"]],
        # For a card that was not mounted early enough for bootcmd.
        "runcmd": [["sh", "-c", f"test -e /usr/local/lib/till-edge-setup || sh {setup}/each-boot.sh"]],
    }


def _network(wifi: Wifi | None) -> dict[str, Any]:
    """A cable always works; nothing waits for one."""
    network: dict[str, Any] = {"version": 2, "ethernets": {"eth0": {"dhcp4": True, "optional": True}}}
    if wifi:
        point = {wifi.ssid: {"password": wifi.psk}}
        radio = {"dhcp4": True, "optional": True, "regulatory-domain": wifi.country, "access-points": point}
        network["wifis"] = {"wlan0": radio}
    return {"network": network}


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def command_line(line: str) -> str:
    """The kernel's command line without Raspberry Pi Imager's instance, which would hide ours."""
    return re.sub(r" ds=nocloud\S*", "", line.strip()) + "\n"
