"""What a thief or a stranger can try, tried on the code that is here: each attack, and what it got.

`python -m qa.attacks`; `make attacks`. Only what ships is attacked, over its sockets, files and commands: the relay,
the broker as relay/mosquitto configures it, the daemon in its shop. `sudo scripts/test-relay` tries what a firewall has
to stop. Exit code 1: an attack got what it wanted.
"""

import argparse
import contextlib
import json
import os
import queue
import secrets
import select
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import requests
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sim.mosquitto import Mosquitto
from sim.shop import TILL, Ears, Relay, Shop
from tests.support.shipped_broker import Client, ShippedBroker

WEEK_S = 7 * 24 * 3600
PATIENCE_S = 20.0
ECHO_TIMEOUT_S = 10.0
"""After so long a till gives a ping up."""
NOBODY = 65534
MAX_OPEN = 800
"""Connections that an attack holds; more than the relay does."""
OPENING_INTERVAL_S = 0.005
"""Between two of them: a web server stands in front of a relay."""


@dataclass(frozen=True)
class Gain:
    """What an attack got. Each attack returns one; `main` prints it."""

    text: str
    held: bool


Attack = Callable[[Path], Gain]


# --- the machines that are attacked -----------------------------------------------------------------------------------


class Chain(ShippedBroker):
    """The broker as it ships, with two tills, CAJA01 and CAJA02, each with its password, and the relay's and support's
    users."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._relay_yaml = self.relay_yaml(folder)
        self.passwords: dict[str, str] = {}

    def enroll(self, till: str) -> None:
        self.type("enroll", till, "--user-id", "700100200", "--out", str(self.folder / till))
        self.passwords[till] = (self.folder / till / "broker_password").read_text().strip()

    def type(self, *words: str) -> None:
        command = [sys.executable, "-m", "relay", *words, "--config", str(self._relay_yaml)]
        subprocess.run(command, capture_output=True, check=False)

    def at_the_tills_door(self, user: str, password: str = "") -> "Guest":
        return Guest(self.tills_port, user, password or self.passwords.get(user, ""), self.ca_file)


class Guest:
    """One connection to a broker; `reason` is why it was refused, or "Success"."""

    def __init__(
        self, port: int, user: str = "", password: str = "", ca_file: Path | None = None, identity: Path | None = None
    ) -> None:
        self.heard: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.gone = threading.Event()
        answers: queue.Queue[object] = queue.Queue()
        self.client = client = paho.Client(
            CallbackAPIVersion.VERSION2, user, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        client.on_connect = lambda _client, _data, _flags, reason, _more: answers.put(reason)
        client.on_subscribe = lambda *_: answers.put("granted")
        client.on_message = lambda _client, _data, message: self.heard.put(message)
        client.on_disconnect = lambda *_: self.gone.set()
        if user:
            client.username_pw_set(user, password)
        if ca_file:
            context = ssl.create_default_context(cafile=str(ca_file))
            if identity:
                context.load_cert_chain(f"{identity}.pem", f"{identity}.key")
            client.tls_set_context(context)
        client.max_inflight_messages_set(1000)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = WEEK_S
        client.connect("127.0.0.1", port, clean_start=False, properties=session)
        client.loop_start()
        self.reason, self._answers = str(answers.get(timeout=PATIENCE_S)), answers

    def subscribe(self, *topics: str) -> None:
        self.client.subscribe([(topic, 1) for topic in topics])
        self._answers.get(timeout=PATIENCE_S)

    def say(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE_S)

    def flood(self, topic: str, payload: bytes, qos: int, seconds: float) -> int:
        """Publish as fast as it goes, and return how often."""
        until, count = time.monotonic() + seconds, 0
        while time.monotonic() < until and not self.gone.is_set():
            count += 1
            self.client.publish(topic, payload, qos)
            while len(self.client._out_packet) > 50 or len(self.client._out_messages) > 900:
                time.sleep(0.0005)
        return count

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def guests(*found: Guest | Client) -> Iterator[None]:
    try:
        yield
    finally:
        for each in found:
            each.close()


@contextlib.contextmanager
def relay_at(broker: Mosquitto, folder: Path) -> Iterator[Relay]:
    """The relay at a broker without rights: what is limited is then limited by the relay."""
    relay = Relay(folder, broker)
    claims = {"claims": {"folder": str(folder / "claims"), "key_file": str(folder / "claim_key")}}
    relay.config.write_text(relay.config.read_text() + yaml.safe_dump(claims))
    ears = Ears(broker.host, broker.port)
    relay.start()
    try:
        wait_until(lambda: b"online" in ears.retained.get("relay/status", b""))
        yield relay
    finally:
        ears.close()
        relay.stop()


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE_S) -> float:
    """Return after how many seconds it was true; infinity for never."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return float("inf")
        time.sleep(0.01)
    return time.monotonic() - began


def in_seconds(seconds: float) -> str:
    return "never" if seconds == float("inf") else f"{seconds:.1f} s"


# --- attacks on a till ------------------------------------------------------------------------------------------------


def a_link_in_the_place_of_the_journal(folder: Path) -> Gain:
    """Whoever has the service's user waits for root to type a command."""
    if os.geteuid() != 0:
        return Gain("not tried: it needs root", True)
    folder.chmod(0o755)
    (state := folder / "state").mkdir()
    (folder / "etc").mkdir()
    changed = []
    for command in ("orders", "reprint", "report"):
        victim = folder / f"{command}.db"
        with contextlib.closing(sqlite3.connect(victim)) as roots:
            roots.execute("CREATE TABLE of_root (a)")
            roots.commit()
        before = victim.read_bytes()
        journal = state / "journal.db"
        journal.unlink(missing_ok=True)
        journal.symlink_to(victim)
        os.chown(state, NOBODY, NOBODY)
        shop = Shop(folder / "etc", {"journal": {"path": str(journal)}})
        shop.write_config()
        shop.command(command, *(["000417"] if command == "reprint" else []))
        changed += [command] * (victim.read_bytes() != before)
    return Gain(f"root's file changed by: {', '.join(changed) or 'no command'}", not changed)


def a_relay_that_flaps(folder: Path) -> Gain:
    with Shop(folder) as shop:
        before, until = len(shop.mercadopago.requests), time.monotonic() + 10
        while time.monotonic() < until:
            for state in ("offline", "online"):
                shop.say(json.dumps({"v": 1, "state": state}), "relay/status")
        calls = len(shop.mercadopago.requests) - before
    return Gain(f"{calls} questions to Mercado Pago in 10 s", calls < 60)


def a_flood_of_commands(folder: Path) -> Gain:
    with Shop(folder) as shop:
        before, until = len(shop.mercadopago.requests), time.monotonic() + 10
        while time.monotonic() < until:
            for command in ("check_now", "test_ticket"):
                shop.say(json.dumps({"v": 1, "command": command}), f"tills/{TILL}/commands")
        time.sleep(1)
        slips, calls = len(shop.printer.tickets), len(shop.mercadopago.requests) - before
    return Gain(f"{slips} slips, {calls} questions in 10 s", slips <= 10 and calls < 100)


# --- attacks on the broker --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def a_chain(folder: Path) -> Iterator[Chain]:
    with Chain(folder / "broker") as broker:
        for till in ("CAJA01", "CAJA02"):
            broker.enroll(till)
        yield broker


def guesses_at_the_tills_door(folder: Path) -> Gain:
    """Of support's password, from the internet. There is none; nor is its certificate worth anything there."""
    with a_chain(folder) as broker:
        count, until = 0, time.monotonic() + 5
        opened: set[str] = set()
        while time.monotonic() < until:
            for user in ("support", "till-relay"):
                with contextlib.suppress(OSError, queue.Empty):
                    guest = Guest(broker.tills_port, user, secrets.token_hex(8), broker.ca_file, broker.folder / user)
                    guest.close()
                    opened |= {user} if guest.reason == "Success" else set()
                    count += 1
    text = f"{count / 5:.0f} guesses a second; a certificate opens it for {sorted(opened) or 'nobody'}"
    return Gain(text, not opened)


def is_let_in(broker: Chain, user: str) -> bool:
    with contextlib.suppress(OSError, queue.Empty):
        guest = broker.at_the_tills_door(user)
        guest.close()
        return guest.reason == "Success"
    return False


def what_another_till_says_and_hears(folder: Path) -> Gain:
    """A stolen till tries all topics of another, and to throw it out."""
    with a_chain(folder) as broker:
        relay, thief, other = (
            broker.come("till-relay"),
            broker.at_the_tills_door("CAJA01"),
            broker.at_the_tills_door("CAJA02"),
        )
        with guests(relay, thief, other):
            other.subscribe("tills/CAJA02/orders", "tills/CAJA02/commands")
            thief.subscribe("#", "tills/+/orders", "$share/x/tills/+/orders")
            for part in ("orders", "commands", "status", "ping"):
                thief.say(f"tills/CAJA02/{part}", b"forged")
            relay.say("tills/CAJA02/orders", b"true")
            came = [other.heard.get(timeout=PATIENCE_S).payload]
            time.sleep(0.5)
            came += [other.heard.get().payload for _ in range(other.heard.qsize())]
            heard = thief.heard.qsize()
            thrown_out = other.gone.is_set()
    text = f"heard {heard} of another's messages, forged {came.count(b'forged')}, threw out {int(thrown_out)}"
    return Gain(text, came == [b"true"] and not heard and not thrown_out)


def many_subscriptions(folder: Path) -> Gain:
    """Mosquitto grants them all; a revocation must free what they take."""
    with a_chain(folder) as broker:
        thief = broker.at_the_tills_door("CAJA01")
        with guests(thief):
            for block in range(0, 20_000, 500):
                thief.subscribe(*(f"x/{block + number}/{'y' * 40}" for number in range(500)))
            time.sleep(1.5)
            before = (broker.folder / "mosquitto.db").stat().st_size
            broker.type("revoke", "CAJA01")
            relay = broker.come("till-relay")
            with guests(relay):
                relay.say("relay/status", b"x", retain=True)
                time.sleep(1.5)
        after = (broker.folder / "mosquitto.db").stat().st_size
    return Gain(f"{before:,} bytes written at each change; after `revoke` {after:,}", after < 10_000)


def a_stolen_tills_place(folder: Path) -> Gain:
    """It is connected; how long it can go on after `till-relay revoke`, and whether it comes in again."""
    with a_chain(folder) as broker:
        thief = broker.at_the_tills_door("CAJA01")
        with guests(thief):
            began = time.monotonic()
            broker.type("revoke", "CAJA01")
            wait_until(thief.gone.is_set)
            seconds = time.monotonic() - began
            again = is_let_in(broker, "CAJA01")
    text = f"thrown out {seconds:.1f} s after `revoke` was typed; let in again: {'yes' if again else 'no'}"
    return Gain(text, seconds < 10 and not again)


# --- attacks on the relay ---------------------------------------------------------------------------------------------


def a_flood_of_pings(payload: bytes, qos: int) -> Attack:
    def attack(folder: Path) -> Gain:
        with Mosquitto() as broker, relay_at(broker, folder) as relay:
            url, loud, till = relay.url("CAJA01"), Guest(broker.port, "LOUD"), Guest(broker.port, "CAJA01")
            till.subscribe("tills/CAJA01/orders")
            with guests(loud, till), ThreadPoolExecutor(1) as flooding:
                flood = flooding.submit(loud.flood, "tills/LOUD/ping", payload, qos, 14)
                time.sleep(2)
                rung = sum(notify(url, str(1000 + number)) == 201 for number in range(40))
                till.client.publish("tills/CAJA01/ping", b'{"v":1,"id":"ours"}', 1)
                echo = wait_until(lambda: any(b'"ours"' in each.payload for each in list(till.heard.queue)))
                sent = flood.result()
            log = (folder / "relay.log").stat().st_size
        text = f"{sent:,} pings; {rung} of 40 doorbells of another rang, its ping came back: {in_seconds(echo)}; "
        return Gain(f"{text}log {log / 1000:,.0f} KB", rung == 40 and echo < ECHO_TIMEOUT_S and log < 100_000)

    return attack


def notify(url: str, number: str) -> int:
    try:
        return requests.post(url, json={"topic": "payment", "resource": number}, timeout=30).status_code
    except requests.RequestException:
        return 0


def claim_bytes() -> bytes:
    """A claim as a till of this tree makes it."""
    from edge.contract.claims import Claim, encode_claim

    return encode_claim(Claim("K7QM", secrets.token_hex(8), "0.1.0", ""))


def put_claim(relay: Relay, address: str) -> int:
    url = f"http://127.0.0.1:{relay.port}/claims/{secrets.token_hex(32)}"
    try:
        answer = requests.put(url, data=claim_bytes(), headers={"X-Forwarded-For": address}, timeout=20)
    except requests.RequestException:
        return 0
    return answer.status_code


def strangers_claims(form: str) -> Attack:
    """From sixty networks, sixty a second, while one honest till a second claims, each from its own network."""

    def attack(folder: Path) -> Gain:
        with Mosquitto() as broker, relay_at(broker, folder) as relay, ThreadPoolExecutor(8) as strangers:
            refused, rounds = 0, 40
            for number in range(rounds):
                began = time.monotonic()
                sent = [strangers.submit(put_claim, relay, form.format(1 + each)) for each in range(60)]
                if number >= 10:
                    refused += put_claim(relay, f"2001:db9:{number:x}::1") != 201
                for each in sent:
                    each.result()
                time.sleep(max(0.0, 1 - (time.monotonic() - began)))
        return Gain(f"{refused} of {rounds - 10} honest claims refused", refused == 0)

    return attack


def slow_bodies_to_addresses(folder: Path) -> Gain:
    """As many as the relay lets in, and ever new ones; each address takes only some at once."""
    with Mosquitto() as broker, relay_at(broker, folder) as relay:
        own, ended = relay.url("OTHER"), threading.Event()
        paths = [relay.url(f"SLOW{number}").partition(str(relay.port))[2] for number in range(4)]
        opening = threading.Thread(target=open_slow_bodies, args=[relay.port, paths, ended])
        opening.start()
        time.sleep(2)
        refused = sum(notify(own, str(1000 + number)) != 201 for number in range(100))
        ended.set()
        opening.join()
    return Gain(f"{refused} of 100 notifications of another refused", refused == 0)


def open_slow_bodies(port: int, paths: list[str], ended: threading.Event) -> None:
    slow: list[socket.socket] = []
    while not ended.is_set():
        with contextlib.suppress(OSError):
            slow.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            path = paths[len(slow) % len(paths)]
            slow[-1].sendall(f"POST {path} HTTP/1.1\r\nHost: relay\r\nContent-Length: 100\r\n\r\n".encode())
        if len(slow) > MAX_OPEN:
            slow.pop(0).close()
        time.sleep(OPENING_INTERVAL_S)
    for each in slow:
        each.close()


def slow_bodies_of_claims(folder: Path) -> Gain:
    with Mosquitto() as broker, relay_at(broker, folder) as relay, contextlib.ExitStack() as stack:
        slow = []
        for number in range(200):
            with contextlib.suppress(OSError):
                slow.append(stack.enter_context(socket.create_connection(("127.0.0.1", relay.port), timeout=5)))
                head = f"PUT /claims/{secrets.token_hex(32)} HTTP/1.1\r\nHost: relay\r\nContent-Length: 80\r\n"
                slow[-1].sendall(f"{head}X-Forwarded-For: 203.0.113.{1 + number % 200}\r\n\r\n".encode())
        time.sleep(1)
        held = sum(not select.select([each], [], [], 0)[0] for each in slow)
        refused = sum(put_claim(relay, f"198.51.{100 + number}.7") != 201 for number in range(30))
    return Gain(f"{held} bodies of one network held open; {refused} of 30 claims of others refused", refused == 0)


# --- attacks on a claim -----------------------------------------------------------------------------------------------


def a_guess_at_each_code(folder: Path) -> Gain:
    """Whoever holds the relay takes each till's place, and knows all but two characters of its code. One guess goes
    into his share. What comes back tells nothing of any other, so no table and no time helps him.
    """
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox
    from spake2 import SPAKE2_A

    from edge.contract.claims import Claim, make_code, nameplate, password
    from relay.claims import StoredClaim
    from relay.config import ClaimFiles
    from relay.enroll.sealing import Recipient, _signing_key

    opened, key = 0, _signing_key(folder / "key")
    for _ in range(40):
        values, serial = [secrets.randbelow(32) for _ in range(9)], secrets.token_hex(8)
        guess = make_code([*values[:7], secrets.randbelow(32), secrets.randbelow(32)])
        half = SPAKE2_A(password(guess), idA=serial.encode(), idB=b"")
        share = half.start()[1:]
        stored = StoredClaim(share.hex(), Claim(nameplate(guess), serial, "0.1.0", ""), "", 0, 0, None)
        Recipient(stored, make_code(values), ClaimFiles(folder, folder / "key"), key).send(
            {"access_token": "APP_USR-1"}
        )
        sealed = (folder / f"{share.hex()}.bundle").read_bytes()
        with contextlib.suppress(CryptoError):
            SecretBox(half.finish(sealed[:33])).decrypt(sealed[33:])
            opened += 1
    return Gain(f"{opened} of 40 bundles opened, with 2^10 codes left to guess", opened <= 2)


ATTACKS: dict[str, Attack] = {
    "a link in the place of the journal, and root types a command": a_link_in_the_place_of_the_journal,
    "relay/status flaps, ever faster": a_relay_that_flaps,
    "commands check_now and test_ticket without end": a_flood_of_commands,
    "guesses at port 8883": guesses_at_the_tills_door,
    "a till at another till's topics": what_another_till_says_and_hears,
    "a till subscribes to 20,000 topics": many_subscriptions,
    "a stolen till after `till-relay revoke`": a_stolen_tills_place,
    "one till pings without end": a_flood_of_pings(b'{"v":1,"id":"a"}', 0),
    "one till pings without end, odd bytes": a_flood_of_pings(b"{", 0),
    "one till pings without end, 4 KB, QoS 1": a_flood_of_pings(b"[" * 4000, 1),
    "claims from 60 networks of one /48": strangers_claims("2001:db8:1:{:x}::1"),
    "claims from 60 networks /48": strangers_claims("2001:db8:{:x}::1"),
    "slow bodies to four addresses": slow_bodies_to_addresses,
    "slow bodies of claims": slow_bodies_of_claims,
    "codes, by whoever holds the relay": a_guess_at_each_code,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Attack what is here, and print what each attack got.")
    parser.add_argument("--only", default="", metavar="WORDS", help="attacks with these words in their name")
    options = parser.parse_args()
    lost = 0
    print("| attack | what it got | held |\n|---|---|---|")
    for name, attack in ATTACKS.items():
        if options.only in name:
            with tempfile.TemporaryDirectory(prefix="attack-") as folder:
                gain = attack(Path(folder))
            lost += not gain.held
            print(f"| {name} | {gain.text} | {'yes' if gain.held else 'NO'} |", flush=True)
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
