"""The stories of a relay that its own documents set up, on a booted Debian, seen from the internet.

The internet is this machine's end of a cable, in a network of its own: Mercado Pago, tills and strangers have addresses
there. Nothing of this machine's real network is touched.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import queue
import re
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import paho.mqtt.client as paho
import requests
import trustme
from debian import ROOT, Machine, System, boot, check, plugged_in, wait_for
from paho.mqtt.enums import CallbackAPIVersion
from relay_documents import (
    BROKER_README,
    BROKER_SETUP,
    CERTIFICATES,
    HOOK,
    MQTT,
    OPERATIONS,
    RELAY,
    SOFTWARE,
    WATCH,
    as_written,
    commands,
    packages,
)  # fmt: skip

CLONE = "/root/till-edge"
WHEELS = "/root/wheels"
CABLE = "ve-relay"
ADDRESS, GATEWAY, ADDRESS6, GATEWAY6 = "198.51.100.2", "198.51.100.1", "2001:db8:1::2", "2001:db8:1::1"
STRANGER, STRANGER6 = "203.0.113.66", "2001:db8:66::66"
OUTSIDE = [f"{GATEWAY}/24", f"{STRANGER}/32", f"{GATEWAY6}/64", f"{STRANGER6}/128"]
AUTHORITY = "/usr/local/share/ca-certificates/test.crt"
OPTIONS = ("--machine=relay", "--network-veth")
NETWORK = f"""[Match]
Name=host0
[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
IPv6DuplicateAddressDetection=0
Address={ADDRESS}/24
Address={ADDRESS6}/64
Gateway={GATEWAY}
Gateway={GATEWAY6}
"""
UNITS = ("till-relay", "till-relay-firewall", "mosquitto", "caddy")
MUTE_CONNECTIONS = 1100
"""More than the 1,024 files that a mosquitto under systemd may open."""
TILL_TIMEOUT_S = 5.0
"""A till that isn't let in within it counts as kept out."""
LARGEST_EXPOSURE = 1.7
CLONE_NEWNET = 0x40000000


# --- the machine before anybody types anything ------------------------------------------------------------------------


def prepare(system: System) -> str:
    """A bare system on the network, which can fetch nothing: what apt and pip will want lies there already."""
    began = time.monotonic()
    system.apt("update")
    system.apt("install --no-install-recommends systemd-sysv dbus udev iproute2")
    system.apt(f"install --download-only {' '.join(packages())}")
    _lay_in_wheels(system)
    _clone(system)
    _certify(system)
    for path, text in {
        "/etc/pip.conf": f"[global]\nno-index = true\nfind-links = {WHEELS}\n",
        "/etc/apt/apt.conf.d/90yes": 'APT::Get::Assume-Yes "true";\n',
        "/etc/systemd/network/10-host0.network": NETWORK,
        "/etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{ADDRESS} {RELAY} {MQTT}\n",
    }.items():
        system.path(path).write_text(text)
    system.run("systemctl enable systemd-networkd")
    return f"a bare Debian, and {len(packages())} packages for apt: {time.monotonic() - began:.0f} s"


def _lay_in_wheels(system: System) -> None:
    """For the machine's Python, by this machine's pip: a bare Debian has none."""
    version = system.run("apt-cache policy python3 | sed -n 's/.*Candidate: \\([0-9]*.[0-9]*\\).*/\\1/p'")
    folder = system.path(WHEELS)
    command = [str(ROOT / ".venv/bin/pip"), "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--python-version", version, "--only-binary", ":all:", "--dest", str(folder)]
    done = subprocess.run([*command, "-r", str(ROOT / "relay/requirements-watch.txt")], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)


def _clone(system: System) -> None:
    """What git knows, as it is in the tree."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = system.path(f"{CLONE}/{name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)


def _certify(system: System) -> None:
    """Certificates for the two names, by an authority that the machine trusts."""
    authority, folder = trustme.CA(), system.path(CERTIFICATES)
    folder.mkdir(parents=True)
    for name in (RELAY, MQTT):
        certificate = authority.issue_cert(name)
        certificate.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        (folder / f"{name}.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        (folder / f"{name}.key").chmod(0o644)
    authority.cert_pem.write_to_path(str(system.path(AUTHORITY)))
    system.run("update-ca-certificates")


# --- the internet -----------------------------------------------------------------------------------------------------


def leave_the_network() -> None:
    """This process gets a network of its own, which ends with it. Before there are threads."""
    check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    real = socket.getaddrinfo
    names = {RELAY: ADDRESS, MQTT: ADDRESS}
    socket.getaddrinfo = lambda host, *more, **how: real(names.get(host, host), *more, **how)  # type: ignore[assignment]


def plug_the_cable() -> None:
    subprocess.run(["ip", "link", "set", CABLE, "up"], check=True)
    for address in OUTSIDE:
        more = ["nodad"] if ":" in address else []
        subprocess.run(["ip", "address", "add", address, "dev", CABLE, *more], check=True)


@dataclass
class Site:
    """A machine that is a relay, or becomes one, and whom the world trusts."""

    machine: Machine
    authority: Path
    number: int = 1000
    passwords: dict[str, str] = field(default_factory=dict)

    def log(self, unit: str) -> str:
        return self.machine.run(f"journalctl --no-pager --output cat --unit {unit}")

    def notify(self, timeout: float = 10.0) -> tuple[int, str]:
        """Mercado Pago notifies of another order; returns the answer's status, 0 if none came, and the order."""
        self.number += 1
        body = {"topic": "merchant_order", "resource": f"https://api.mercadopago.com/merchant_orders/{self.number}"}
        with contextlib.suppress(requests.RequestException):
            answer = requests.post(self.url, json=body, verify=str(self.authority), timeout=timeout)
            return answer.status_code, str(self.number)
        return 0, str(self.number)

    @property
    def url(self) -> str:
        return self.machine.run("till-relay url CAJA01")

    def till(self, user: str = "CAJA01", source: str = GATEWAY, identity: str = "") -> "Guest":
        """A connection to the tills' port. Raises `OSError` or `queue.Empty`, if it isn't answered."""
        if user not in self.passwords and not identity:
            self.passwords[user] = self.machine.path(f"{CLONE}/{user}/broker_password").read_text().strip()
        context = ssl.create_default_context(cafile=str(self.authority))
        if identity:
            files = [self.machine.path(f"/etc/till-relay/broker/{identity}.{kind}") for kind in ("pem", "key")]
            context.load_cert_chain(*files)
        return Guest(context, user, self.passwords.get(user, user), source)

    def rings(self) -> float:
        """A notification is answered with 201, and the till hears it as its own user; returns the seconds of both."""
        with contextlib.closing(self.till()) as till:
            till.subscribe("tills/CAJA01/orders")
            began = time.monotonic()
            status, order = self.notify()
            check(status == 201, f"the notification was answered with {status}\n{self.log('till-relay')}")
            heard = till.heard.get(timeout=TILL_TIMEOUT_S)
            check(json.loads(heard)["id"] == order, heard)
            return time.monotonic() - began

    def seconds_to_enter(self, source: str = GATEWAY) -> float | None:
        """None: a till is kept out."""
        began = time.monotonic()
        while time.monotonic() - began < TILL_TIMEOUT_S:
            with contextlib.suppress(OSError, queue.Empty), contextlib.closing(self.till(source=source)) as till:
                check(till.reason == "Success", till.reason)
                return time.monotonic() - began
            time.sleep(0.2)
        return None


class Guest:
    """One connection to the tills' port; `reason` is what it was answered."""

    def __init__(self, context: ssl.SSLContext, user: str, password: str, source: str) -> None:
        self.heard: queue.Queue[bytes] = queue.Queue()
        answers: queue.Queue[str] = queue.Queue()
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, user, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = TILL_TIMEOUT_S
        client.on_connect = lambda _client, _data, _flags, reason, _more: answers.put(str(reason))
        client.on_subscribe = lambda *_: answers.put("granted")
        client.on_message = lambda _client, _data, message: self.heard.put(message.payload)
        client.username_pw_set(user, password)
        client.tls_set_context(context)
        client.connect(MQTT, 8883, keepalive=round(TILL_TIMEOUT_S), bind_address=source)  # paho waits so long for TLS
        client.loop_start()
        self._answers = answers
        try:
            self.reason = answers.get(timeout=TILL_TIMEOUT_S)
        except queue.Empty:
            self.close()
            raise

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, 1)
        self._answers.get(timeout=TILL_TIMEOUT_S)

    def say(self, topic: str, payload: bytes) -> None:
        """Publish, retained."""
        self._client.publish(topic, payload, 1, retain=True).wait_for_publish(TILL_TIMEOUT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def mute(port: int, source: str, count: int = MUTE_CONNECTIONS) -> Iterator[list[socket.socket]]:
    """Connections that say nothing; yields those that were accepted."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    family, address = (socket.AF_INET6, ADDRESS6) if ":" in source else (socket.AF_INET, ADDRESS)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(_high_up(socket.socket(family))) for _ in range(count)]
        for each in opened:
            each.bind((source, 0))
            each.setblocking(False)
            each.connect_ex((address, port))
            time.sleep(0.001)
        time.sleep(2)
        yield [each for each in opened if _is_open(each)]


def _high_up(low: socket.socket) -> socket.socket:
    """The same socket under a number that leaves room below: paho can't wait for one above 1,024."""
    with low:
        return socket.socket(fileno=fcntl.fcntl(low.fileno(), fcntl.F_DUPFD_CLOEXEC, 2000))


def _is_open(each: socket.socket) -> bool:
    try:
        each.getpeername()
        return each.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextlib.contextmanager
def site(system: System) -> Iterator[Site]:
    """Boot it, with the cable plugged in."""
    with boot(system, *OPTIONS, at_once=plug_the_cable) as machine:
        yield Site(machine, system.path(AUTHORITY))


# --- the documents ----------------------------------------------------------------------------------------------------


def follow(site: Site) -> str:
    """Type each code block of the set-up, in order."""
    began, count = time.monotonic(), 0
    for block in commands():
        at = time.monotonic()
        said = _type(site, block.text)
        count += 1
        last = said.splitlines()[-1][:80] if said else ""
        print(f"{time.monotonic() - at:9.1f} s  {block.place}  {last}", flush=True)
    return f"{count} code blocks of the documents typed: {time.monotonic() - began:.0f} s"


def _type(site: Site, text: str) -> str:
    return site.machine.run(f"cd {CLONE}; set -eu; {text}")


def the_last_block_showed_a_doorbell(site: Site) -> str:
    """Typed once more: the first time proves nothing about what it printed."""
    *_, last = commands()
    said = _type(site, last.text)
    check(re.search(r'tills/CAJA01/orders \{"v":1,"kind":"merchant_order","id":"1"', said), said)
    return "the documents' own try: mosquitto_sub as CAJA01, over TLS, prints the doorbell"


def certbot_understands(site: Site) -> str:
    """The one command that is not typed. It gets as far as calling Let's Encrypt, which is not there."""
    [line] = [
        line for block in as_written(BROKER_README, BROKER_SETUP)
        for line in block.text.splitlines() if line.startswith("certbot ")
    ]  # fmt: skip
    said = site.machine.run(f"{line} --server http://127.0.0.1:9/directory", status=1)
    check("127.0.0.1" in said and "usage" not in said.lower(), said)
    site.machine.run(
        "cd /var/www/acme; install -d .well-known/acme-challenge; echo proof > .well-known/acme-challenge/x"
    )
    answer = requests.get(f"http://{MQTT}/.well-known/acme-challenge/x", timeout=10)
    check(answer.text == "proof\n", answer)
    return "certbot understands its command, and what it lays down can be fetched from outside"


def shops_software(site: Site) -> str:
    """A user for it, as the broker's page says."""
    rights, typed = commands(BROKER_README, SOFTWARE)
    acl = site.machine.path("/etc/mosquitto/till-acl")
    mark = "# --- enrolled tills"
    acl.write_text(acl.read_text().replace(mark, f"{rights.text}\n{mark}"))
    _type(site, typed.text)
    site.passwords["pos-CAJA01"] = "secret"
    with contextlib.closing(site.till("pos-CAJA01")) as software:
        check(software.reason == "Success", software.reason)
    complaints = _complaints(site)
    check(not complaints, complaints)
    return "the shop's till software is let in as a user of its own; mosquitto complains of nothing"


def the_watch_tells(site: Site) -> str:
    """Its page is followed; then a till goes dark, and what is told outside is told once, also over a kill."""
    told: queue.Queue[str] = queue.Queue()
    with hook(told):
        for block in commands(OPERATIONS, WATCH):
            _type(site, block.text)
        _wait_for_title(told, "till-edge: prueba")
        with contextlib.closing(site.till()) as till:
            till.say("tills/CAJA01/status", b'{"v":1,"state":"offline"}')
        began = time.monotonic()
        _wait_for_title(told, "till-edge: CAJA01: sin señal")
        seconds = time.monotonic() - began
        site.machine.run("sleep 3; systemctl kill --signal=KILL till-relay-watch; sleep 25")
        check(site.machine.show("ActiveState", "till-relay-watch") == "active", site.log("till-relay-watch"))
        check(told.empty(), "something was told twice")
    security = site.machine.run("systemd-analyze security --no-pager till-relay-watch.service")
    exposure = float(re.findall(r"exposure level for till-relay-watch.service: ([0-9.]+)", security)[0])
    check(exposure <= LARGEST_EXPOSURE, security)
    return f"the watch's page typed; a dark till is told to a webhook after {seconds:.0f} s, and after a kill not again"


def _wait_for_title(told: "queue.Queue[str]", title: str) -> None:
    """The morning's summary may come before it."""
    until = time.monotonic() + 150
    while (came := told.get(timeout=max(0.1, until - time.monotonic()))) != title:
        check("Resumen" in came, came)


@contextlib.contextmanager
def hook(told: "queue.Queue[str]") -> Iterator[None]:
    """A webhook outside the machine; `told` gets the titles."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["title"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(HOOK, Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


# --- what must be right -----------------------------------------------------------------------------------------------


def rings(site: Site) -> str:
    seconds = [site.rings() for _ in range(5)]
    told = f"{sorted(seconds)[2]:.2f} s (median of 5)"
    return f"Mercado Pago's notification by HTTPS, the doorbell at the till's own user by TLS: {told}"


def runs_as_it_should(site: Site) -> str:
    machine = site.machine
    check(machine.show("User", "till-relay") == "till-relay", "another user")
    check(json.loads(machine.run("curl -s http://127.0.0.1:8080/health")), "no health")
    for unit in UNITS:
        check(machine.show("ActiveState", unit) == "active", f"{unit}:\n{site.log(unit)}")
        check(machine.run(f"systemctl is-enabled {unit}") == "enabled", f"{unit} doesn't come back after a boot")
    check(not _complaints(site), _complaints(site))
    readers = machine.run("setpriv --reuid=till-relay --regid=till-relay --clear-groups "
                          "cat /etc/till-relay/broker/support.key", status=1)  # fmt: skip
    check("Permission denied" in readers, readers)
    security = machine.run("systemd-analyze security --no-pager till-relay.service")
    [exposure] = re.findall(r"exposure level for \S+: ([0-9.]+)", security)
    check(float(exposure) <= LARGEST_EXPOSURE, exposure)
    return f"four units run and come back; mosquitto complains of nothing; exposure of the relay {exposure}"


def _complaints(site: Site) -> list[str]:
    return re.findall(r"(?m)^.*(?:Warning|Error): .*$", site.log("mosquitto"))


def keeps_its_secrets(site: Site) -> str:
    """A web server in front of a relay that is down must not log the address that it could not reach."""
    secret = site.url.rpartition("/")[2]
    site.machine.run("systemctl stop till-relay")
    status, _ = site.notify()
    check(status in (502, 503), f"without a relay: {status}")
    site.machine.run("systemctl start till-relay")
    wait_for(lambda: site.notify()[0] == 201, "the relay did not come back", 30)
    found = site.machine.run(f"journalctl --no-pager | grep -c {secret}", status=None)
    check(found == "0", f"the address' secret is in the log, {found} times")
    return f"a notification without a relay: {status}; no log holds the address"


def survives_a_kill(site: Site) -> str:
    began = time.monotonic()
    site.machine.run("systemctl kill --signal=KILL till-relay")
    wait_for(lambda: site.notify()[0] == 201, "the relay did not come back", 30)
    seconds = time.monotonic() - began
    site.rings()
    return f"killed: the next notification was taken {seconds:.1f} s after"


def privileged_users_stay_inside(site: Site) -> str:
    for user in ("support", "till-relay"):
        with contextlib.closing(site.till(user, identity=user)) as guest:
            check(guest.reason == "Not authorized", f"{user} at 8883: {guest.reason}")
    for port in (8884, 8080, 1883):
        with socket.socket() as door:
            door.settimeout(3)
            check(door.connect_ex((ADDRESS, port)) != 0, f"port {port} is open to the internet")
    said = site.machine.run("till-relay tell CAJA01 identify --seconds 3", status=1)
    check("no till CAJA01 listens" in said or "no answer from CAJA01" in said, said)
    fleet = site.machine.run("till-relay fleet --json")
    check("tills" in json.loads(fleet), fleet)
    told = "support and till-relay are refused at 8883, with their certificates too"
    return f"{told}; 8884 and 8080 are shut; tell and fleet work"


def mute_connections_at_8883(site: Site) -> str:
    """First without the firewall: an attack that keeps nobody out proves nothing."""
    site.machine.run("systemctl stop till-relay-firewall")
    with mute(8883, STRANGER) as opened:
        without, kept_out = len(opened), site.seconds_to_enter()
    check(kept_out is None, f"{without} mute connections kept nobody out without the firewall: {kept_out}")
    site.machine.run("systemctl start till-relay-firewall; systemctl restart mosquitto")
    told = []
    for source in (STRANGER, STRANGER6):
        with mute(8883, source) as opened:
            seconds = site.seconds_to_enter()
            check(seconds is not None, f"{len(opened)} mute connections from {source} keep a till out")
            check(len(opened) <= 100, f"{len(opened)} open from {source}")
            told.append(f"{len(opened)} of {MUTE_CONNECTIONS} from {source}, a till let in after {seconds:.2f} s")
            site.rings()
    return f"mute at 8883: {'; '.join(told)} (without the firewall {without}, kept out)"


def mute_connections_at_443(site: Site) -> str:
    told = []
    for source in (STRANGER, STRANGER6):
        with mute(443, source) as opened:
            check(len(opened) <= 200, f"{len(opened)} open from {source}")
            told.append(f"{len(opened)} of {MUTE_CONNECTIONS} from {source}, rung in {site.rings():.2f} s")
    return f"mute at 443: {'; '.join(told)}"


def a_flood_of_guesses(site: Site) -> str:
    """New connections as fast as they go, from one source, while a till comes from another."""
    until, opened = time.monotonic() + 10, 0
    while time.monotonic() < until:
        with socket.socket() as guess:
            guess.bind((STRANGER, 0))
            guess.settimeout(0.5)
            opened += guess.connect_ex((ADDRESS, 8883)) == 0
    check(opened < 260, f"{opened} guesses in 10 s")
    seconds = site.seconds_to_enter()
    check(seconds is not None, "a till was kept out")
    return f"guesses at 8883: {opened} connections in 10 s from one source; a till from another in {seconds:.2f} s"


def revokes(site: Site) -> str:
    with contextlib.closing(site.till()):
        site.machine.run(f"cd {CLONE}; till-relay revoke CAJA01")
    with contextlib.closing(site.till()) as again:
        check(again.reason == "Not authorized", again.reason)
    return "revoked: refused"


def comes_back(site: Site) -> str:
    """After the plug was pulled."""
    began = time.monotonic()
    wait_for(lambda: site.notify(3)[0] == 201, f"no relay after the boot\n{site.log('till-relay')}", 60)
    seconds = time.monotonic() - began
    site.rings()
    site.machine.run("nft list table inet till_relay")
    runs_as_it_should(site)
    return f"the plug pulled, booted again: relay, broker, web server and firewall are back after {seconds:.1f} s"


def pull_the_plug(system: System) -> None:
    """Boot, and go off in the middle of everything."""
    with plugged_in(system, *OPTIONS) as machine:
        plug_the_cable()
        is_active = lambda: machine.run("systemctl is-active till-relay", status=None) == "active"  # noqa: E731
        wait_for(is_active, "the relay did not start")


STORIES: tuple[Callable[[Site], str], ...] = (
    follow, the_last_block_showed_a_doorbell, certbot_understands, rings, runs_as_it_should, the_watch_tells,
    privileged_users_stay_inside, keeps_its_secrets, survives_a_kill, shops_software,
    mute_connections_at_8883, mute_connections_at_443, a_flood_of_guesses,
)  # fmt: skip
AFTER_THE_PLUG: tuple[Callable[[Site], str], ...] = (comes_back, privileged_users_stay_inside, revokes)
