"""First boot of both releases, as files of the folder till-edge-setup on the boot partition.

First boot may have no network, and must not wait for one. It only leaves a unit, which installs the package as soon as
there is a network, tries again until that succeeds, and then removes itself. The configuration is taken over by the
package's own till-edge-adopt.service.
"""

from collections.abc import Iterable

from provision.plan import Package

BOOT = "/boot/firmware"
"""Where both releases mount the boot partition."""
SETUP = "till-edge-setup"
BUNDLE = "till-edge"
WIFI = f"{SETUP}/wifi"

FIRST_BOOT = """\
#!/bin/sh
# Leaves a unit that installs the till's package as soon as there is a network. May run twice.
set -eu
from=/boot/firmware/till-edge-setup
kept=/usr/local/lib/till-edge-setup
mkdir -p "$kept"
# Of each package the one that is on the card now.
rm -f "$kept"/*.deb
cp "$from/install.sh" "$from"/*.deb "$kept/"
cp "$from/till-edge-install.service" /etc/systemd/system/
sync
systemctl daemon-reload || true
systemctl enable till-edge-install.service
sync
"""

UNIT = """\
[Unit]
Description=Installs the till, once there is a network
Wants=network-online.target
After=network-online.target
RequiresMountsFor=/boot/firmware
StartLimitIntervalSec=0

[Service]
# Not oneshot: the machine counts as booted without it.
Type=exec
ExecStart=/bin/sh /usr/local/lib/till-edge-setup/install.sh
Restart=on-failure
RestartSec=15

[Install]
WantedBy=multi-user.target
"""

INSTALL = """\
#!/bin/sh
# Installs the till and what it needs, and cleans up. Whatever fails, till-edge-install.service runs it again.
set -eu
boot=/boot/firmware
setup=$boot/till-edge-setup
kept=/usr/local/lib/till-edge-setup
installed=/usr/local/lib/till-edge-installed
export DEBIAN_FRONTEND=noninteractive

say() {
    echo "$*"
    # For whoever puts the card into a laptop. Without a clock the times are wrong, but still in order.
    echo "$(date -u +%FT%TZ) $*" >>"$setup/log.txt" || true
}

wipe() {
    [ -f "$1" ] || return 0
    dd if=/dev/zero of="$1" bs=1 count="$(stat -c %s "$1")" conv=notrunc,fsync status=none
    rm -f "$1"
}

failed() {
    say "not yet: $1; tried again in 15 seconds"
    exit 1
}

apt() {
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
}

# The daemon starts after the check, so that an unknown printer asks its questions only once. A mask would keep the
# package from enabling the service. Whatever happens, this hold ends at the next boot.
held=/run/systemd/system/till-edge.service.d

hold() {
    mkdir -p "$held"
    printf '[Unit]\\nConditionPathExists=/run/till-edge-is-checked\\n' >"$held/until-checked.conf"
    trap release EXIT
    systemctl daemon-reload
}

release() {
    rm -f "$held/until-checked.conf"
    systemctl daemon-reload
}

accept() {
    # As the daemon's user, and without the daemon, which would hold the printer and the place at the broker.
    systemctl stop till-edge.service || true
    systemd-run --quiet --wait --collect --pipe --unit=till-edge-check \\
        -p User=till-edge -p StateDirectory=till-edge -p StateDirectoryMode=0700 -p UMask=0077 \\
        -p LoadCredential=access_token:/etc/till-edge/access_token -p RuntimeMaxSec=900 \\
        -E GPIOZERO_PIN_FACTORY=lgpio -E LG_WD=/tmp \\
        till-edge check >"$kept/check" 2>&1 || true
    cp "$kept/check" "$boot/till-edge/CHECK.txt" || true
    say "checked: see till-edge/CHECK.txt, and the ticket"
}

main() {
    # A power cut may have left this half done.
    dpkg --configure -a || failed "dpkg --configure -a"
    apt update || failed "apt-get update (is there a network, and is the clock right?)"
    hold
    apt install "$kept"/*.deb || failed "apt-get install (is there a network, and is the clock right?)"
    say "installed: till-edge $(till-edge --version)"
    systemctl start till-edge-adopt.service || true
    if [ -e /etc/till-edge/config.yaml ]; then
        say "configured"
        if till-edge check --help >/dev/null 2>&1; then accept; fi
    else
        say "not configured: see till-edge/ERROR.txt"
    fi
    release
    systemctl start till-edge.target till-edge.service || true
    # The end is noted first: whatever fails below must not check a shop again, every 15 seconds or at each boot.
    if [ -f "$boot/meta-data" ]; then cp "$boot/meta-data" "$installed" || true; fi
    systemctl disable till-edge-install.service || true
    rm -f /etc/systemd/system/till-edge-install.service || true
    wipe "$setup/wifi" || say "the Wi-Fi's key could not be wiped from the card"
    if grep -qs 'password:' "$boot/network-config"; then
        # cloud-init wrote it to its log, which people send around.
        key=$(sed -n 's/^ *password: *//p' "$boot/network-config")
        sed -i "s/$key/(wiped)/g" /var/log/cloud-init*.log || true
        wipe "$boot/network-config" || say "the Wi-Fi's key could not be wiped from the card"
    fi
    rm -f "$setup"/*.deb || true
    rm -rf "$kept" || true
    sync
    exit 0
}

main
"""


def files(packages: Iterable[Package]) -> dict[str, bytes]:
    """The files of both releases by their paths on the boot partition."""
    return {
        f"{SETUP}/first-boot.sh": FIRST_BOOT.encode(),
        f"{SETUP}/install.sh": INSTALL.encode(),
        f"{SETUP}/till-edge-install.service": UNIT.encode(),
        **{f"{SETUP}/{package.name}": package.content for package in packages},
    }
