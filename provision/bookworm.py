"""Bookworm's first boot: a script named on the kernel's command line, as Raspberry Pi Imager does it.

The script uses the release's own tools: imager_custom (raspberrypi-sys-mods) and userconf (userconf-pi).
"""

import re
import shlex

from provision import first_boot
from provision.plan import Plan

RUN_FIRSTRUN = (
    f"systemd.run={first_boot.BOOT}/firstrun.sh"
    " systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"
)

FIRSTRUN = """\
#!/bin/sh
# Made by till-provision. Runs once, without a network, before the real first boot. Whatever fails, the machine must
# come up: till-edge-setup/log.txt has what happened.
set +e
boot=/boot/firmware
setup=$boot/till-edge-setup
custom=/usr/lib/raspberrypi-sys-mods/imager_custom
exec >>"$setup/log.txt" 2>&1

hostname={hostname}
user={user}
timezone={timezone}

$custom set_hostname "$hostname"
{keys}
/usr/lib/userconf-pi/userconf "$user" ""
$custom set_timezone "$timezone"
if [ -f "$setup/wifi" ]; then
    {{ IFS= read -r ssid; IFS= read -r psk; IFS= read -r country; }} <"$setup/wifi"
    $custom set_wlan "$ssid" "$psk" "$country"
fi
sh "$setup/first-boot.sh" || echo "first-boot.sh failed"

rm -f "$boot/firstrun.sh"
# A torn command line would be the end of this card: the new one is on the disk before it replaces the old one.
sed 's| systemd\\.[^ ]*||g' "$boot/cmdline.txt" >"$boot/cmdline.new" && sync &&
    mv "$boot/cmdline.new" "$boot/cmdline.txt"
sync
exit 0
"""


def files(plan: Plan) -> dict[str, bytes]:
    """The files of this release by their paths on the boot partition, without cmdline.txt."""
    keys = " ".join(shlex.quote(key) for key in plan.ssh_keys)
    script = FIRSTRUN.format(
        hostname=shlex.quote(plan.hostname),
        user=shlex.quote(plan.user),
        timezone=shlex.quote(plan.timezone),
        keys=f"$custom enable_ssh -k {keys}",
    )
    wifi = plan.wifi and f"{plan.wifi.ssid}\n{plan.wifi.psk}\n{plan.wifi.country}\n"
    return {**({first_boot.WIFI: wifi.encode()} if wifi else {}), "firstrun.sh": script.encode()}


def command_line(line: str) -> str:
    """The kernel's command line with our script on it, and without an older one."""
    return re.sub(r" systemd\.\S+", "", line.strip()) + f" {RUN_FIRSTRUN}\n"
