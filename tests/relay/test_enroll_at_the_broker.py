"""Enrolled and revoked at the broker that is shipped: a bundle opens the door, and a revoked till is thrown out."""

import contextlib
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.config.schema import load as load_till
from relay.__main__ import main
from tests.support.relays import wait_until
from tests.support.shipped_broker import SHOP, WEEK, Client, ShippedBroker, with_token
from tests.support.shipped_shop import a_shop_at, hear

pytestmark = pytest.mark.slow


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ShippedBroker]:
    with ShippedBroker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def type_(broker: ShippedBroker, tmp_path: Path) -> Callable[[str], int]:
    config = broker.relay_yaml(tmp_path)
    return lambda line: main([*shlex.split(line), "--config", str(config)])


def come(config: Config) -> Client:
    """Connect as the till that has this configuration would."""
    broker = config.broker
    return Client(broker.port, broker.username, broker.password.reveal(), broker.tls.ca_file, session=WEEK)


@pytest.fixture
def enrolled(type_, tmp_path) -> Callable[..., Config]:
    """Enrolls a till at the running broker and returns what its daemon would read."""

    def enroll(till: str, more: str = "") -> Config:
        bundle = tmp_path / f"{till}{more}".replace(" ", "")
        assert type_(f"enroll {till} {SHOP} {more} --out {bundle}") == 0
        config = load_till(with_token(bundle))
        wait_until(lambda: can_come(config), "mosquitto lets the till in")
        return config

    return enroll


def can_come(config: Config) -> bool:
    client = come(config)
    client.close()
    return client.is_in


def test_an_enrolled_till_comes_in_at_once_and_hears_its_doorbells_and_its_sellers(enrolled, broker):
    client = come(enrolled("CAJA01"))
    client.subscribe("tills/CAJA01/orders", "sellers/700100200/orders", "relay/status")
    relay = broker.come("till-relay")
    for topic in ("tills/CAJA01/orders", "sellers/700100200/orders", "relay/status"):
        relay.say(topic, b"hello")
        assert client.next() == (topic, b"hello")
    client.close()
    relay.close()


def test_a_revoked_till_is_thrown_out_and_stays_out_while_the_others_stay(enrolled, type_, broker):
    first, second = enrolled("CAJA01"), enrolled("CAJA02")
    out, stays = come(first), come(second)
    assert type_("revoke CAJA01") == 0
    out.gone.get(timeout=20)
    assert not can_come(first)
    stays.subscribe("tills/CAJA02/orders")
    relay = broker.come("till-relay")
    relay.say("tills/CAJA02/orders", b"hello")
    assert stays.next()[1] == b"hello"
    assert stays.gone.empty()
    stays.close()
    relay.close()


def test_a_revoked_till_leaves_no_session_behind(enrolled, type_, broker, tmp_path, capsys):
    """Neither its subscriptions, of which mosquitto grants as many as anybody asks for, nor what waited for it."""
    away = come(enrolled("CAJA01"))
    away.subscribe("tills/CAJA01/orders", *(f"anything/{number}" for number in range(100)))
    away.close()
    relay = broker.come("till-relay")
    relay.say("tills/CAJA01/orders", b"before")
    kept = broker.folder / "mosquitto.db"
    wait_until(lambda: b"anything/99" in kept.read_bytes(), "the subscriptions are on the disk")
    assert type_("revoke CAJA01") == 0
    assert capsys.readouterr().err == ""
    relay.say("relay/status", b"x", retain=True)
    wait_until(lambda: b"anything/" not in kept.read_bytes(), "they are gone")
    shutil.rmtree(tmp_path / "CAJA01")
    back = come(enrolled("CAJA01"))
    back.subscribe("tills/CAJA01/orders")
    relay.say("tills/CAJA01/orders", b"after")
    assert back.next()[1] == b"after"
    for client in (relay, back):
        client.close()


def test_new_credentials_end_the_old_ones_and_what_has_come_in_with_them(enrolled):
    old = enrolled("CAJA01")
    client = come(old)
    new = enrolled("CAJA01", "--again")
    client.gone.get(timeout=20)
    assert not can_come(old)
    assert can_come(new)


def test_support_can_clear_what_a_revoked_till_leaves(enrolled, type_, broker):
    till = come(enrolled("CAJA01"))
    left = ("tills/CAJA01/status", "tills/CAJA01/commissioning")
    for topic in left:
        till.say(topic, b"kept", retain=True)
    assert type_("revoke CAJA01") == 0
    till.gone.get(timeout=20)
    support, witness = broker.come("support"), Client(broker.port, "auditor")
    for topic in left:
        support.say(topic, b"", retain=True)
    witness.subscribe("#")
    witness.say("anything", b"the end")
    assert witness.until(b"the end") == []
    support.close()
    witness.close()


def test_a_sale_from_notification_to_report_passes_through_all_rights(tmp_path, broker):
    """The daemon, the relay and the broker as they are shipped, with what enrolling makes; support looks on."""
    with a_shop_at(broker, tmp_path) as (shop, support):
        shop.sell("SALE-1")
        hear(support, "tills/CAJA01/tickets", lambda report: report["outcome"] == "printed")
        support.ask("tills/CAJA01/commands", b'{"v":1,"command":"identify"}', "tills/CAJA01/answers")
        hear(support, "tills/CAJA01/answers", lambda answer: answer["command"] == "identify")


def test_what_the_shops_software_announces_with_its_own_user_is_on_the_till(tmp_path, broker):
    """As README.md adds that user."""
    broker.let_in_software_of("CAJA01")
    with a_shop_at(broker, tmp_path, api="orders") as (shop, support):
        shop.mercadopago.announce = announcer(broker, "pos-CAJA01")
        shop.mercadopago.put_order("SALE-1", "100")
        hear(support, "tills/CAJA01/status", lambda status: status["loaded"] == "SALE-1")
        shop.mercadopago.pay()
        hear(support, "tills/CAJA01/tickets", lambda report: report["external_reference"] == "SALE-1")


@pytest.mark.parametrize("line", ["pattern read tills/%u/announcements\n", "topic write tills/CAJA01/announcements\n"])
def test_a_till_at_a_broker_without_the_right_to_announcements_works_on(tmp_path, broker, line):
    """As with an acl of before: mosquitto grants the subscription and never delivers, or drops what is announced."""
    broker.let_in_software_of("CAJA01")
    assert broker.acl_file.read_text().count(line) == 1
    broker.acl_file.write_text(broker.acl_file.read_text().replace(line, ""))
    broker.reload()
    with a_shop_at(broker, tmp_path, api="orders") as (shop, support):
        shop.mercadopago.announce = announcer(broker, "pos-CAJA01")
        shop.mercadopago.put_order("SALE-1", "100")
        shop.mercadopago.pay()
        support.say("tills/CAJA01/commands", b'{"v":1,"command":"check_now"}')
        hear(support, "tills/CAJA01/tickets", lambda report: report["outcome"] == "printed")
        hear(support, "tills/CAJA01/status", lambda status: status["ready_to_sell"] and status["broker"] == "ok")


def announcer(broker: ShippedBroker, user: str) -> Callable[[str], None]:
    """How a shop's software announces an order, with a connection for each."""

    def announce(order: str) -> None:
        with contextlib.closing(Client(broker.tills_port, user, ca_file=broker.ca_file)) as software:
            software.say("tills/CAJA01/announcements", json.dumps({"v": 1, "order": order}))

    return announce
