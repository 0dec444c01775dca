"""RabbitMQ's nodes and HAProxy on loopback addresses, out of a Debian in a folder: the cluster of relay/rabbitmq.

The folder is made by `scripts/test-cluster`. Each node has an address of its own, 127.0.0.11 and so on, with the ports
that it would have on a machine of its own; its files are in a folder that goes away with `close()`.
"""

import contextlib
import os
import random
import re
import shlex
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from sim.mosquitto import accepts
from sim.network import free_port

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "relay" / "rabbitmq"
DEBIAN = Path(os.environ.get("RABBITMQ_DEBIAN", ROOT / "build" / "chroots" / "trixie-rabbitmq"))
"""A Debian Trixie with rabbitmq-server and haproxy, in a folder."""
MQTT_PORT, WEBSOCKETS_PORT, MANAGEMENT_PORT = 1883, 15675, 15672
START_TIMEOUT_S = 120.0
HAPROXY_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 60.0
USERS = ("till-relay", "support", "haproxy", "till-enroll")
ONE_NODE = {r"cluster_formation\..*\n": "", r"cluster_partition_handling.*\n": ""}

NAMESPACE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
"""Whatever runs in it ends with it, and it ends with us, however we end."""


class RabbitmqError(RuntimeError):
    """RabbitMQ can't be had or did not start; the text says what to do."""


def why_not() -> str:
    """Why RabbitMQ can't run here; "" if it can."""
    if os.getuid() != 0:
        return "RabbitMQ's nodes are started in a Debian in a folder, which needs root"
    if not (DEBIAN / "usr/sbin/rabbitmq-server").exists():
        return f"no RabbitMQ in {DEBIAN}: `scripts/test-cluster --make` makes it (2 minutes, 400 MB)"
    return ""


class Debian:
    """Programs of the Debian in a folder, run in a namespace of their own, which ends with them."""

    def command(self, *words: str, environ: dict[str, str] | None = None) -> list[str]:
        own = {"HOME": "/root", "LANG": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(environ or {})}
        mounts = [f"mount --rbind {path} {DEBIAN}{path}" for path in ("/dev", "/var/tmp")]
        mounted = "; ".join([f"mount -t proc proc {DEBIAN}/proc", *mounts])
        entered = f'set -e; {mounted}; exec chroot {DEBIAN} /usr/bin/env -i "$@"'
        settings = [f"{name}={value}" for name, value in own.items()]
        return [*NAMESPACE, "sh", "-c", entered, "sh", *settings, *words]

    def run(self, *words: str, environ: dict[str, str] | None = None, timeout_s: float = 60.0) -> str:
        """Run a program to its end, and return what it said. Raises `RabbitmqError`."""
        done = subprocess.run(
            self.command(*words, environ=environ), capture_output=True, text=True, check=False, timeout=timeout_s
        )
        if done.returncode:
            raise RabbitmqError(f"{' '.join(words)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout


class Node:
    """One node. `number` counts from 1, and is the end of its address."""

    def __init__(self, debian: Debian, folder: Path, network: str, number: int, epmd_port: int) -> None:
        self._debian = debian
        self.address = f"{network}.{number}"
        self.name = f"rabbit{number}@{self.address}"
        self._distribution_port = free_port()  # it is looked for at all addresses
        self.folder = folder / f"node{number}"
        self._environ = self._prepare(epmd_port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to start; `wait_until_it_serves` returns when it has."""
        with self.log_file.open("ab") as output:
            command = self._debian.command("/usr/lib/rabbitmq/bin/rabbitmq-server", environ=self._environ)
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def wait_until_it_serves(self) -> None:
        """Return when it takes MQTT. Raises `RabbitmqError`."""
        until = time.monotonic() + START_TIMEOUT_S
        while not accepts(self.address, MQTT_PORT):
            if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                raise RabbitmqError(f"{self.name} did not start:\n{self.log_file.read_text()[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """In good order, as `systemctl stop rabbitmq-server` does."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(STOP_TIMEOUT_S)
        self._end()

    def kill(self) -> None:
        """As a power cut would."""
        self._end()

    def freeze(self) -> None:
        """It answers nothing any more, and its connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def control(self, *words: str) -> str:
        """`rabbitmqctl`, on this node."""
        return self._debian.run(
            "/usr/lib/rabbitmq/bin/rabbitmqctl", "--longnames", "-n", self.name, *words, environ=self._environ
        )

    @property
    def log_file(self) -> Path:
        return self.folder / "log"

    @property
    def memory_bytes(self) -> int:
        """Of its Erlang process, resident."""
        status = Path(f"/proc/{self._beam()}/status").read_text()
        return int(re.findall(r"VmRSS:\s+([0-9]+) kB", status)[0]) * 1024

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._beam(), number)

    def _end(self) -> None:
        """The namespace dies, and all in it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _beam(self) -> int:
        found = subprocess.check_output(["pgrep", "-s", str(self._process.pid if self._process else 0), "beam.smp"])
        return int(found.split()[0])

    def _prepare(self, epmd_port: int) -> dict[str, str]:
        self.folder.mkdir(mode=0o700)
        (self.folder / "enabled_plugins").write_bytes((SHIPPED / "enabled_plugins").read_bytes())
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text("till-edge")
        cookie.chmod(0o400)
        interface = "{" + self.address.replace(".", ",") + "}"
        return {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(epmd_port),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            # Without busy waiting: all nodes share this machine's cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel inet_dist_use_interface {interface} +sbwt none +S 2:2",
        }

    def configure(self, names: list[str]) -> None:
        """Write the shipped configuration, for these nodes and this address."""
        text = (SHIPPED / "rabbitmq.conf").read_text()
        for number, name in enumerate(names, 1):
            text = text.replace(f".nodes.{number} = rabbit@mqtt{number}\n", f".nodes.{number} = {name}\n")
        if len(names) == 1:
            text = re.sub(r"cluster_.*\n", "", text)
        for listener in ("mqtt.listeners.tcp.default = ",):
            text = text.replace(f"{listener}1883", f"{listener}{self.address}:{MQTT_PORT}")
        text = text.replace("web_mqtt.tcp.port = ", f"web_mqtt.tcp.ip = {self.address}\nweb_mqtt.tcp.port = ")
        text = text.replace("management.tcp.ip = 127.0.0.1", f"management.tcp.ip = {self.address}")
        (self.folder / "rabbitmq.conf").write_text(text)


class Cluster:
    """Some nodes that know each other, with the shipped users; and, if asked for, HAProxy in front of them."""

    def __init__(self, nodes: int = 3) -> None:
        if reason := why_not():
            raise RabbitmqError(reason)
        self._cleanup = ExitStack()
        self.folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="rabbitmq-", dir="/var/tmp")))
        self._debian = Debian()
        self._epmd_port = free_port()
        network = _free_network()
        self.nodes = [Node(self._debian, self.folder, network, n, self._epmd_port) for n in range(1, nodes + 1)]
        self.haproxy: Haproxy | None = None
        """After `start_haproxy`."""

    def start(self) -> Self:
        """Start all nodes, and make the shipped users. Raises `RabbitmqError`."""
        addresses = ",".join(node.address for node in self.nodes)
        self._serve("epmd", "-port", str(self._epmd_port), "-address", addresses)
        for node in self.nodes:
            node.configure([each.name for each in self.nodes])
            node.start()
            self._cleanup.callback(node.kill)
        for node in self.nodes:
            node.wait_until_it_serves()
        self._make_users()
        return self

    def start_haproxy(self, certificate: Path) -> "Haproxy":
        """HAProxy in front of the nodes, as it is shipped; `certificate` is a PEM file with its key."""
        self.haproxy = Haproxy(self, certificate)
        self._serve("haproxy", "-db", "-f", str(self.haproxy.configuration), environ=self.haproxy.environ)
        self.haproxy.wait_until_it_serves()
        return self.haproxy

    def password(self, user: str) -> str:
        return (self.passwords / f"{user}.password").read_text().strip()

    @property
    def passwords(self) -> Path:
        """The folder that relay/rabbitmq/make-users fills."""
        return self.folder / "passwords"

    def close(self) -> None:
        self._cleanup.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _serve(self, *words: str, environ: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A program that runs until `close`."""
        with (self.folder / f"{Path(words[0]).name}.log").open("ab") as output:
            process = subprocess.Popen(
                self._debian.command(*words, environ=environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._cleanup.callback(process.wait)
        self._cleanup.callback(process.kill)
        return process

    def _make_users(self) -> None:
        node = self.nodes[0]
        control = self.folder / "rabbitmqctl"
        words = node._debian.command(
            "/usr/lib/rabbitmq/bin/rabbitmqctl", "--longnames", "-n", node.name, environ=node._environ
        )
        control.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        control.chmod(0o700)
        environ = {**os.environ, "RABBITMQCTL": str(control), "RELAY_PASSWORDS": str(self.passwords)}
        environ["TMPDIR"] = str(self.folder)
        done = subprocess.run([SHIPPED / "make-users"], env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RabbitmqError(f"make-users: {done.stdout}{done.stderr}")


class Haproxy:
    """The shipped HAProxy, with its ports and the nodes' addresses. Made by `Cluster.start_haproxy`."""

    def __init__(self, cluster: Cluster, certificate: Path) -> None:
        self.port, self.port443 = free_port(), free_port()
        self.configuration = cluster.folder / "haproxy.cfg"
        self.environ = {"MQTT_LOGIN": login("haproxy", cluster.password("haproxy")).hex()}
        text = (SHIPPED / "haproxy.cfg").read_text()
        for shipped, here in {":8883 ": f"127.0.0.1:{self.port} ", ":443 ": f"127.0.0.1:{self.port443} "}.items():
            text = text.replace(f"bind {shipped}", f"bind {here}")
        text = text.replace("/etc/haproxy/mqtt.pem", str(certificate)).replace("maxconn 25000", "maxconn 2000")
        for number, node in enumerate(cluster.nodes, 1):
            text = text.replace(f" 10.0.0.{number}:", f" {node.address}:")
        text = re.sub(r"    server .* 10\..*\n", "", text)
        self.configuration.write_text(text)

    def wait_until_it_serves(self) -> None:
        """Return when it accepts connections. Raises `RabbitmqError`."""
        until = time.monotonic() + HAPROXY_TIMEOUT_S
        while not accepts("127.0.0.1", self.port):
            if time.monotonic() > until:
                raise RabbitmqError(f"HAProxy did not start: {self.configuration.with_name('haproxy.log').read_text()}")
            time.sleep(0.05)


def login(user: str, password: str) -> bytes:
    """A packet of MQTT 3.1.1 that logs in; the answer is four bytes, of which the last two are 0 if it may."""
    texts = b"".join(len(text).to_bytes(2, "big") + text.encode() for text in ("", user, password))
    body = bytes.fromhex("00044d51545404c2003c") + texts
    return b"\x10" + bytes([len(body)]) + body


def _free_network() -> str:
    """Three bytes of loopback addresses that nobody uses, so that two clusters don't meet."""
    while True:
        network = f"127.77.{random.randrange(1, 255)}"
        if not accepts(f"{network}.1", MQTT_PORT):
            return network
