"""The broker as relay/mosquitto ships it: who comes in, who may say and hear what, and what it keeps.

Mosquitto grants every subscription and acknowledges what it drops. So each right is proved by the messages that come,
and each wrong by those that don't come before another one that was sent after them.
"""

import contextlib
import queue
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from edge.contract.mqtt import Doorbell, encode_doorbell
from relay.config import Mosquitto as Files
from relay.enroll.accounts import open_accounts
from tests.support.relays import wait_until
from tests.support.shipped_broker import PATIENCE, SHIPPED, WEEK, Client, ShippedBroker

pytestmark = pytest.mark.slow

FROM_TILL = ("status", "tickets", "answers", "ping", "commissioning")
TILL = ("orders", "commands", "announcements", *FROM_TILL, "orders/more", "")
TOPICS = [
    *(f"tills/{till}/{part}".rstrip("/") for till in ("A", "B") for part in TILL),
    *("sellers/1/orders", "sellers/2/orders", "relay/status", "tills", "anything"),
]


def setting(name: str) -> int:
    """A number in the shipped configuration."""
    [line] = re.findall(rf"(?m)^{name} (\d+)$", (SHIPPED / "mosquitto.conf").read_text())
    return int(line)


MAX_QUEUED_BYTES = setting("max_queued_bytes")
SELLERS = {"A": "1", "B": "2"}
"""Two tills, of two sellers. Like everybody here, they have their names for passwords."""


PRIVILEGED = ("till-relay", "support")
"""They have certificates, and no passwords."""


def enroll(broker: ShippedBroker) -> None:
    with open_accounts(Files(broker.password_file, broker.acl_file)) as accounts:
        for till, seller in SELLERS.items():
            accounts.put(till, till, seller)


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedBroker]:
    """For tests that leave nothing behind."""
    broker = ShippedBroker(tmp_path_factory.mktemp("broker"))
    broker.let_in_software_of(*SELLERS)
    enroll(broker)
    with broker:
        yield broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ShippedBroker]:
    """A broker of the test's own, to be reloaded and killed."""
    broker = ShippedBroker(tmp_path / "broker")
    enroll(broker)
    with broker:
        yield broker


@pytest.fixture
def come(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Connects users of the test's broker, each at its own door."""
    clients: list[Client] = []

    def connect(user: str, **how: object) -> Client:
        broker = request.getfixturevalue("broker" if "broker" in request.fixturenames else "shared_broker")
        if user.removeprefix("pos-") in SELLERS:
            name = f"till-{user}" if user in SELLERS else ""
            how = {"port": broker.tills_port, "ca_file": broker.ca_file, "client_id": name, **how}
        if user in PRIVILEGED:
            how = {"port": broker.relay_port, "ca_file": broker.folder / "ca-of-relays.pem"} | how
            how |= {"user": "", "identity": broker.folder / user}
        clients.append(Client(**{"port": broker.port, "user": user, **how}))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


# --- who comes in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["A", "till-relay", "support", "pos-A"])
def test_whoever_has_a_user_and_its_password_or_certificate_comes_in(come, user):
    assert come(user).is_in


@pytest.mark.parametrize("door", ["tills_port", "port"])
@pytest.mark.parametrize(("user", "password"), [("", ""), ("A", "wrong"), ("nobody", "nobody"), ("B", "A")])
def test_nobody_else_comes_in(shared_broker, door, user, password):
    ca_file = shared_broker.ca_file if door == "tills_port" else None
    client = Client(getattr(shared_broker, door), user, password, ca_file)
    assert str(client.answer) == "Not authorized"
    client.close()


ANONYMOUS = bytes.fromhex("100c00044d5154540402003c0000")
SUBSCRIBE_TO_ALL = bytes.fromhex("8206000100012300")
SAY_X_ON_ANYTHING = bytes.fromhex("300b0008") + b"anythingx"
REFUSED = bytes.fromhex("20020005")


def test_an_anonymous_client_that_does_not_wait_for_its_welcome_gets_nothing(shared_broker, come):
    """It connects, subscribes and publishes in one breath."""
    auditor = come("auditor")
    auditor.subscribe("#")
    auditor.say("tills/A/status", b"kept", retain=True)
    with socket.create_connection(("127.0.0.1", shared_broker.port), timeout=PATIENCE) as stranger:
        stranger.sendall(ANONYMOUS + SUBSCRIBE_TO_ALL + SAY_X_ON_ANYTHING)
        assert all_of(stranger) in (REFUSED, b""), "the reset of the connection may outrun the refusal"
    auditor.say("tills/A/status", b"", retain=True)
    auditor.say("anything", b"the end")
    assert auditor.until(b"the end") == ["tills/A/status", "tills/A/status"]


def all_of(connection: socket.socket) -> bytes:
    """Return what comes until the other side hangs up."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(1024):
            received += more
    return received


def test_a_broker_with_a_certificate_that_nobody_vouches_for_is_refused(shared_broker, tmp_path):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "another-ca.pem"))
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self.signed"):
        Client(shared_broker.tills_port, "A", ca_file=tmp_path / "another-ca.pem")


def test_a_broker_with_the_certificate_of_another_name_is_refused(broker):
    broker.certify("mqtt.example.net")
    broker.restart()
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for '127\.0\.0\.1'"):
        Client(broker.tills_port, "A", ca_file=broker.ca_file)


def test_the_tills_door_speaks_no_plain_text(shared_broker):
    with socket.create_connection(("127.0.0.1", shared_broker.tills_port), timeout=PATIENCE) as connection:
        connection.sendall(ANONYMOUS)
        assert not all_of(connection).startswith(REFUSED[:1]), "it answered as MQTT does"


def test_the_relays_door_is_for_this_machine_only():
    listeners = [line for line in (SHIPPED / "mosquitto.conf").read_text().splitlines() if line.startswith("listener")]
    assert listeners == ["listener 8883", "listener 8884 127.0.0.1"]


@pytest.mark.parametrize("user", PRIVILEGED)
@pytest.mark.parametrize("password", ["", "support", "till-relay"])
def test_a_privileged_user_has_no_password_that_the_tills_door_could_take(shared_broker, user, password):
    """Not even with its certificate: that is worth nothing there."""
    for identity in (None, shared_broker.folder / user):
        client = Client(shared_broker.tills_port, user, password, shared_broker.ca_file, identity=identity)
        assert str(client.answer) == "Not authorized"
        client.close()
    client = Client(shared_broker.tills_port, ca_file=shared_broker.ca_file, identity=shared_broker.folder / user)
    assert str(client.answer) == "Not authorized"
    client.close()


@pytest.mark.parametrize("user", ["", "A", "till-relay", "support"])
def test_the_relays_door_opens_to_no_password(shared_broker, user):
    with pytest.raises((OSError, queue.Empty)):
        Client(shared_broker.relay_port, user, ca_file=shared_broker.folder / "ca-of-relays.pem", patience=3)


def test_the_relays_door_opens_to_no_certificate_of_another_authority(shared_broker, tmp_path):
    certificate = trustme.CA().issue_cert(common_name="support")
    certificate.private_key_pem.write_to_path(str(tmp_path / "support.key"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "support.pem"))
    ca_file = shared_broker.folder / "ca-of-relays.pem"
    with pytest.raises((OSError, queue.Empty)):
        Client(shared_broker.relay_port, ca_file=ca_file, identity=tmp_path / "support", patience=3)


def test_whoever_names_another_user_than_its_certificates_at_the_relays_door_stays_itself(shared_broker, come):
    """The relay can't become support, which may send commands."""
    auditor = come("auditor")
    auditor.subscribe("tills/A/#")
    ca_file, identity = shared_broker.folder / "ca-of-relays.pem", shared_broker.folder / "till-relay"
    relay = Client(shared_broker.relay_port, "support", ca_file=ca_file, identity=identity)
    relay.say("tills/A/commands", b"forged")
    relay.say("tills/A/orders", b"the end")
    assert auditor.until(b"the end") == []
    relay.close()


def test_a_reload_throws_no_privileged_user_out(broker, come):
    """Mosquitto looks at all passwords again then, and these users have none."""
    relay, a = come("till-relay"), come("A")
    a.subscribe("tills/A/orders")
    broker.reload()
    relay.say("tills/A/orders", b"after it")
    assert a.next()[1] == b"after it"
    assert relay.gone.empty()


# --- who may say what -------------------------------------------------------------------------------------------------


def its_own(till: str, *parts: str) -> set[str]:
    return {f"tills/{till}/{part}" for part in parts}


def both(*parts: str) -> set[str]:
    return its_own("A", *parts) | its_own("B", *parts)


SELLER_TOPICS = {"sellers/1/orders", "sellers/2/orders"}

MAY_SAY = {
    "A": its_own("A", *FROM_TILL),
    "till-relay": both("orders") | SELLER_TOPICS | {"relay/status"},
    "support": both("commands", "status", "commissioning"),
    "pos-A": its_own("A", "announcements"),
}
MAY_HEAR = {
    "A": its_own("A", "orders", "commands", "announcements") | {"sellers/1/orders", "relay/status"},
    "till-relay": both("ping", "status", "commissioning") | {"relay/status"},
    "support": both("status", "tickets", "answers", "commissioning") | {"relay/status"},
    "pos-A": its_own("A", "status", "tickets"),
}


@pytest.mark.parametrize("user", MAY_SAY)
def test_what_each_says_is_heard_only_where_it_may_say_it(come, user):
    auditor, speaker = come("auditor"), come(user)
    auditor.subscribe("#")
    for topic in TOPICS:
        speaker.say(topic, b"said")
    speaker.say(min(MAY_SAY[user]), b"the end")
    assert sorted(auditor.until(b"the end")) == sorted(MAY_SAY[user])


@pytest.mark.parametrize("user", MAY_HEAR)
def test_each_hears_only_what_it_may_hear_whatever_it_subscribes_to(come, user):
    auditor, listener = come("auditor"), come(user)
    listener.subscribe("#", "tills/+/+", "sellers/+/orders", *TOPICS)
    for topic in TOPICS:
        auditor.say(topic, b"said")
    auditor.say(min(MAY_HEAR[user]), b"the end")
    assert set(listener.until(b"the end")) == MAY_HEAR[user]


@pytest.mark.parametrize("user", ["A", "till-relay", "support", "pos-A"])
def test_what_is_retained_comes_only_to_those_who_may_hear_it(come, user):
    auditor, listener = come("auditor"), come(user)
    retained = [topic for topic in TOPICS if not topic.startswith("$")]
    for topic in retained:
        auditor.say(topic, b"kept", retain=True)
    listener.subscribe("#")
    auditor.say(min(MAY_HEAR[user]), b"the end")
    for topic in retained:
        auditor.say(topic, b"", retain=True)
    assert set(listener.until(b"the end")) == MAY_HEAR[user]


def test_the_software_of_a_shop_announces_to_its_own_till_only(come):
    till, other = come("A"), come("B")
    for each in (till, other):
        each.subscribe("#", "tills/+/announcements", "tills/A/announcements", "tills/B/announcements")
    software = come("pos-B")
    for topic in ("tills/A/announcements", "tills/A/orders", "tills/B/orders", "tills/B/commands", "sellers/2/orders"):
        software.say(topic, b"no right")
    software.say("tills/B/announcements", b"by its own software")
    come("pos-A").say("tills/A/announcements", b"by its own software")
    assert till.next() == ("tills/A/announcements", b"by its own software")
    assert other.next() == ("tills/B/announcements", b"by its own software")


def test_how_the_broker_is_doing_is_for_support_only(come):
    support, a = come("support"), come("A")
    for client in (support, a):
        client.subscribe("$SYS/broker/version", "tills/A/orders", "tills/A/status")
    come("auditor").say("tills/A/orders", b"the end")
    assert a.until(b"the end") == []
    assert support.next()[0] == "$SYS/broker/version"


def test_the_will_of_a_till_is_said_on_its_own_status_and_not_on_that_of_another(come):
    auditor = come("auditor")
    auditor.subscribe("#")
    for will in ("tills/B/status", "tills/A/status", ""):
        come("A", will=will)  # takes the place of the one before, whose will is then said
    auditor.say("anything", b"the end")
    assert auditor.until(b"the end") == ["tills/A/status"]


def test_a_till_cannot_take_the_place_of_another_by_its_client_id(come):
    """Else it would throw it out, and inherit or end its session."""
    relay, b = come("till-relay"), come("B", session=WEEK)
    b.subscribe("tills/B/orders")
    a = come("A", client_id="till-B", session=WEEK)
    relay.say("tills/B/orders", b"for B")
    relay.say("sellers/1/orders", b"for A")
    assert b.next() == ("tills/B/orders", b"for B")
    a.subscribe("tills/B/orders", "sellers/1/orders")
    relay.say("tills/B/orders", b"for B again")
    relay.say("sellers/1/orders", b"for A")
    assert a.next() == ("sellers/1/orders", b"for A")


def test_two_relays_and_the_table_of_the_fleet_come_as_one_user(come):
    first, second = come("till-relay", client_id="relay-1"), come("till-relay", client_id="relay-2")
    first.subscribe("tills/+/ping")
    come("A").say("tills/A/ping", b"is anybody there")
    assert first.next()[1] == b"is anybody there"
    assert second.gone.empty()


# --- what one user can fill ---


def test_what_a_till_leaves_for_the_shops_software_that_is_away_is_bounded(tmp_path):
    """Else a stolen till fills the broker's memory, and each doorbell waits until all of it is written to the disk."""
    with a_broker_with_the_shops_software(tmp_path / "broker") as broker:
        software = Client(broker.tills_port, "pos-A", ca_file=broker.ca_file, session=WEEK)
        software.subscribe("tills/A/tickets")
        software.close()
        thief = Client(broker.tills_port, "A", ca_file=broker.ca_file)
        for _ in range(2 * MAX_QUEUED_BYTES // 60_000):
            thief.paho.publish("tills/A/tickets", b"x" * 60_000, qos=1)
        thief.say("tills/A/tickets", b"the last")
        back = Client(broker.tills_port, "pos-A", ca_file=broker.ca_file, session=WEEK)
        came = 0
        with contextlib.suppress(queue.Empty):
            while True:
                came += len(back.heard.get(timeout=2)[1])
        for client in (thief, back):
            client.close()
    assert MAX_QUEUED_BYTES * 0.9 < came < MAX_QUEUED_BYTES * 1.4, "and the 20 that are on their way"


def test_a_weeks_doorbells_fit_into_what_may_wait():
    doorbell = Doorbell("merchant_order", "31415926535", "2026-03-02T10:00:00.000+00:00")
    assert setting("max_queued_messages") * len(encode_doorbell(doorbell)) < MAX_QUEUED_BYTES


@contextlib.contextmanager
def a_broker_with_the_shops_software(folder: Path) -> Iterator[ShippedBroker]:
    broker = ShippedBroker(folder)
    broker.let_in_software_of("A")
    enroll(broker)
    with broker:
        yield broker


# --- what it keeps ----------------------------------------------------------------------------------------------------


def away(come: Callable[..., Client], till: str) -> None:
    """Let a till come, subscribe and go."""
    client = come(till, session=WEEK)
    client.subscribe(f"tills/{till}/orders")
    client.close()


def test_more_than_mosquittos_own_thousand_doorbells_wait_for_a_till(come, broker):
    away(come, "A")
    relay = come("till-relay")
    for number in range(1100):
        relay.say("tills/A/orders", str(number))
    back = come("A", session=WEEK)
    assert [int(back.next()[1]) for _ in range(1100)] == list(range(1100))


def test_a_till_that_is_away_loses_nothing_by_a_restart_and_by_an_enrolment_elsewhere(come, broker):
    """A reload looks at all passwords again, and mosquitto knows none of a till that is away."""
    away(come, "A")
    come("till-relay").say("tills/A/orders", b"before the restart")
    broker.restart()
    broker.reload()
    come("till-relay").say("tills/A/orders", b"after it")
    back = come("A", session=WEEK)
    assert [back.next()[1], back.next()[1]] == [b"before the restart", b"after it"]


def test_what_the_brokers_disk_has_a_power_cut_does_not_take(come, broker):
    away(come, "A")
    come("till-relay").say("tills/A/orders", b"on the disk")
    kept = broker.folder / "mosquitto.db"
    wait_until(lambda: kept.exists() and b"on the disk" in kept.read_bytes(), "it is on the disk")
    broker.kill()
    broker.start()
    assert come("A", session=WEEK).next()[1] == b"on the disk"


def test_a_renewed_certificate_is_taken_at_a_reload_and_nobody_is_thrown_out(come, broker):
    a = come("A")
    a.subscribe("tills/A/orders")
    before = ssl.get_server_certificate(("127.0.0.1", broker.tills_port))
    broker.certify("127.0.0.1", "renewed.example.net")
    broker.reload()
    come("till-relay").say("tills/A/orders", b"still there")
    assert a.next()[1] == b"still there"
    assert ssl.get_server_certificate(("127.0.0.1", broker.tills_port)) != before


def test_the_shipped_configuration_draws_no_complaint(broker):
    broker.stop()
    complaints = [line for line in broker.log_file.read_text().splitlines() if "Warning" in line or "Error" in line]
    assert [line for line in complaints if "run as root" not in line] == []
