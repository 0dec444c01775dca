"""The broker that relay/mosquitto/ ships, on this machine: its own files with other paths and ports."""

import os
import queue
import re
import signal
import ssl
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
import trustme
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from relay.enroll.accounts import handles_sighup, password_line
from sim.mosquitto import Mosquitto
from sim.network import free_port
from tests.support.relays import wait_until

SHIPPED = Path(__file__).parent.parent.parent / "relay" / "mosquitto"
PATIENCE = 20.0
WEEK = 7 * 24 * 3600
AUDITOR = "user auditor\ntopic readwrite #\n\n"
"""One user more than is shipped: it may read and write everything, to witness what the others do."""

SHOP = (
    "--user-id 700100200 --store SUC001 --pos SUC001POS003 --name 'Caja 1: «patio»' "
    "--timezone America/Argentina/Buenos_Aires --language es"
)
"""The options with which a shop's till is enrolled."""


class ShippedBroker(Mosquitto):
    """`relay_port` is the privileged listener, `tills_port` the tills'. Users with passwords have their names for them.

    `port` is a door more than is shipped, without TLS, for the auditor.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(exist_ok=True)
        self.tills_port, self.relay_port = free_port(), free_port()
        self.password_file = self.folder / "till-passwords"
        self.acl_file = self.folder / "till-acl"
        self.pid_file = self.folder / "mosquitto.pid"
        self.max_connections = 950
        self.ca_file = self.folder / "ca.pem"
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        self.certify("127.0.0.1")
        make_certificates(self.folder)
        mark = "# --- enrolled tills"
        self.acl_file.write_text((SHIPPED / "acl").read_text().replace(mark, AUDITOR + mark))
        self.password_file.write_text(password_line("auditor", "auditor") + "\n")
        self.acl_file.chmod(0o600)
        self.password_file.chmod(0o600)

    def start(self) -> Self:
        """Return when it also handles the signal to reload; before that the signal would end it."""
        super().start()
        wait_until(lambda: handles_sighup(self.pid), "mosquitto awaits SIGHUP")
        return self

    def certify(self, *names: str, not_after: datetime | None = None) -> None:
        """Give the broker a new certificate, which is good until then."""
        certificate = self.authority.issue_cert(*names, not_after=not_after)
        certificate.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "certificate.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))

    def come(self, user: str) -> "Client":
        """Connect `till-relay` or `support`, with its certificate."""
        return Client(self.relay_port, ca_file=self.folder / "ca-of-relays.pem", identity=self.folder / user)

    def let_in_software_of(self, *tills: str) -> None:
        """Give each till's software its user, `pos-` and the till, as the shipped file shows it."""
        acl = self.acl_file.read_text()
        [rights] = re.findall(r"(?m)^# user pos-CAJA01\n(?:# topic .*\n)+", acl)
        users = [rights.replace("# ", "").replace("CAJA01", till) for till in tills]
        self.acl_file.write_text(acl.replace(rights, "\n".join(users)))
        with self.password_file.open("a") as passwords:
            passwords.writelines(f"{password_line(f'pos-{till}', f'pos-{till}')}\n" for till in tills)

    def reload(self) -> None:
        """What `systemctl reload mosquitto` does."""
        os.kill(self.pid, signal.SIGHUP)

    def relay_yaml(self, folder: Path, port: int = 8080) -> Path:
        """Write the configuration of a relay beside this broker, which listens on `port`."""
        (folder / "secret").write_text("0123456789abcdef0123456789abcdef")
        path = folder / "relay.yaml"
        path.write_text(
            f"listen: {{port: {port}}}\npublic_url: http://127.0.0.1:{port}\nsecret_file: secret\n"
            f"broker: {{host: 127.0.0.1, port: {self.relay_port}, tls: {{ca_file: {self.folder}/ca-of-relays.pem, "
            f"cert_file: {self.folder}/till-relay.pem, key_file: {self.folder}/till-relay.key}}}}\n"
            f"support: {{cert_file: {self.folder}/support.pem, key_file: {self.folder}/support.key}}\n"
            f"mosquitto: {{password_file: {self.password_file}, acl_file: {self.acl_file}, "
            f"pid_file: {self.pid_file}}}\n"
            f"tills: {{host: 127.0.0.1, port: {self.tills_port}, ca_file: {self.ca_file}}}\n"
        )
        return path

    def _configuration(self) -> str:
        text = (SHIPPED / "mosquitto.conf").read_text()
        for shipped, here in {
            "\nlistener 8883\n": f"\nlistener {self.tills_port} 127.0.0.1\n",
            "\nlistener 8884 127.0.0.1\n": f"\nlistener {self.port} 127.0.0.1\nlistener {self.relay_port} 127.0.0.1\n",
            "\ncafile /etc/mosquitto/relay-certs/ca.pem\n": f"\ncafile {self.folder}/ca-of-relays.pem\n",
            "\ncertfile /etc/mosquitto/relay-certs/broker.pem\n": f"\ncertfile {self.folder}/broker.pem\n",
            "\nkeyfile /etc/mosquitto/relay-certs/broker.key\n": f"\nkeyfile {self.folder}/broker.key\n",
            "\npassword_file /etc/mosquitto/till-passwords\n": f"\npassword_file {self.password_file}\n",
            "\nacl_file /etc/mosquitto/till-acl\n": f"\nacl_file {self.acl_file}\n",
            "\ncertfile /etc/mosquitto/certs/fullchain.pem\n": f"\ncertfile {self.folder}/certificate.pem\n",
            "\nkeyfile /etc/mosquitto/certs/privkey.pem\n": f"\nkeyfile {self.folder}/key.pem\n",
            "\npersistence_location /var/lib/mosquitto/\n": f"\npersistence_location {self.folder}/\n",
            "\nmax_connections 950\n": f"\nmax_connections {self.max_connections}\n",
            "\npid_file /run/mosquitto/mosquitto.pid\n": f"\npid_file {self.pid_file}\n",
        }.items():
            assert text.count(shipped) == 1, shipped
            text = text.replace(shipped, here)
        return text + ("user root\n" if os.geteuid() == 0 else "")


def make_certificates(folder: Path) -> None:
    """With the script that ships: those of relay/mosquitto, all in one folder."""
    users = folder / "of-relays"
    names = {"BROKER_CERTS": str(folder / "of-broker"), "RELAY_CERTS": str(users)}
    # There are no users mosquitto and till-relay here.
    with tempfile.TemporaryDirectory() as bin_folder:
        install = Path(bin_folder) / "install"
        install.write_text('#!/bin/sh\n[ "$1" = -o ] && shift 2\nexec /usr/bin/install "$@"\n')
        install.chmod(0o755)
        path = f"{bin_folder}:{os.environ['PATH']}"
        subprocess.run([SHIPPED / "make-certificates"], env={**os.environ, **names, "PATH": path}, check=True)
    for file in (*(folder / "of-broker").glob("broker.*"), *users.glob("[!c]*")):
        file.rename(folder / file.name)
    (users / "ca.pem").rename(folder / "ca-of-relays.pem")


class Client:
    """One connection to a broker. `heard` are the messages, as (topic, payload). `identity`: a certificate's file and
    its key's, without .pem and .key."""

    def __init__(
        self,
        port: int,
        user: str = "",
        password: str = "",
        ca_file: Path | None = None,
        client_id: str = "",
        session: int = 0,
        will: str = "",
        identity: Path | None = None,
        patience: float = PATIENCE,
        host: str = "127.0.0.1",
    ) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.gone: queue.Queue[ReasonCode] = queue.Queue()
        self._said: queue.Queue[Any] = queue.Queue()
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        self.paho.on_connect = lambda _client, _data, _flags, reason, _more: self._said.put(reason)
        self.paho.on_subscribe = lambda *_: self._said.put(True)
        self.paho.on_message = lambda _client, _data, message: self.heard.put((message.topic, message.payload))
        self.paho.on_disconnect = lambda _client, _data, _flags, reason, _more: self.gone.put(reason)
        if user:
            self.paho.username_pw_set(user, password or user)
        if ca_file:
            context = ssl.create_default_context(cafile=str(ca_file))
            if identity:
                context.load_cert_chain(f"{identity}.pem", f"{identity}.key")
            self.paho.tls_set_context(context)
        if will:
            self.paho.will_set(will, b"dead", qos=1)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session
        self.paho.connect(host, port, clean_start=not session, properties=properties)
        self.paho.loop_start()
        self.answer: ReasonCode = self._said.get(timeout=patience)

    @property
    def is_in(self) -> bool:
        return not self.answer.is_failure

    def subscribe(self, *topics: str) -> None:
        self.paho.subscribe([(topic, 1) for topic in topics])
        self._said.get(timeout=PATIENCE)

    def say(self, topic: str, payload: bytes | str = b"", retain: bool = False) -> None:
        """Publish, and return when the broker has answered; it answers too where it drops."""
        self.paho.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def ask(self, topic: str, payload: bytes, response_topic: str) -> None:
        """Publish with a topic for the answer."""
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = response_topic
        self.paho.publish(topic, payload, qos=1, properties=properties).wait_for_publish(PATIENCE)

    def next(self) -> tuple[str, bytes]:
        return self.heard.get(timeout=PATIENCE)

    def until(self, payload: bytes) -> list[str]:
        """Return the topics of all that comes before a message with this payload."""
        topics = []
        while (message := self.next())[1] != payload:
            topics.append(message[0])
        return topics

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


def with_token(bundle: Path) -> Path:
    """Add an installer's token to a bundle, and return the path of its configuration."""
    (bundle / "access_token").write_text("APP_USR-a-token")
    (bundle / "access_token").chmod(0o600)
    return bundle / "config.yaml"
