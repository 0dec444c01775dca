"""After a theft: what SECURITY.md tells people to do takes effect as fast as it says, and ends no more than it says."""

import secrets
import shlex
import time
from contextlib import closing

import pytest
import requests

from edge.contract.claims import Claim, encode_claim
from relay.__main__ import main
from relay.claims import store_bundle
from tests.support.relays import CLAIMS, ROOT, subscribed, wait_until
from tests.support.shipped_broker import SHOP, WEEK, Client, ShippedBroker

pytest_plugins = ["tests.support.relay_fixtures"]
pytestmark = pytest.mark.slow

REVOKED_WITHIN_S = 5.0
SECURITY = (ROOT / "SECURITY.md").read_text()


@pytest.fixture
def chain(tmp_path):
    """The broker as it ships, with two enrolled tills; their passwords are in `tmp_path`."""
    with ShippedBroker(tmp_path / "broker") as broker:
        config = broker.relay_yaml(tmp_path)
        for till in ("CAJA01", "CAJA02"):
            assert main(shlex.split(f"enroll {till} {SHOP} --out {tmp_path / till} --config {config}")) == 0
        broker.type = lambda line: main([*shlex.split(line), "--config", str(config)])
        yield broker


def come(broker, bundle) -> Client:
    password = (bundle / "broker_password").read_text().strip()
    return Client(broker.tills_port, bundle.name, password, broker.ca_file, session=WEEK)


def is_let_in(broker, bundle) -> bool:
    with closing(come(broker, bundle)) as client:
        return client.is_in


def test_a_stolen_till_is_out_within_seconds_and_the_others_stay(chain, tmp_path):
    with closing(come(chain, tmp_path / "CAJA01")) as thief, closing(come(chain, tmp_path / "CAJA02")) as other:
        began = time.monotonic()
        assert chain.type("revoke CAJA01") == 0
        thief.gone.get(timeout=REVOKED_WITHIN_S)
        assert time.monotonic() - began < REVOKED_WITHIN_S
        assert not is_let_in(chain, tmp_path / "CAJA01")
        other.subscribe("relay/status")
        assert other.gone.empty()
    assert f"within {REVOKED_WITHIN_S:.0f} seconds" in SECURITY


def test_a_stolen_bundle_ends_with_new_credentials_and_the_till_keeps_its_name(chain, tmp_path):
    with closing(come(chain, tmp_path / "CAJA01")) as thief:
        assert chain.type(f"enroll CAJA01 {SHOP} --again --out {tmp_path / 'new/CAJA01'}") == 0
        thief.gone.get(timeout=REVOKED_WITHIN_S)
    assert not is_let_in(chain, tmp_path / "CAJA01")
    assert is_let_in(chain, tmp_path / "new/CAJA01")
    assert "enroll CAJA01 --again" in SECURITY


def test_a_stolen_address_rings_nobody_and_ends_with_the_secret(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    stolen = relay.url + relay.path("CAJA01")
    assert requests.post(stolen, json={"topic": "payment", "resource": "7"}, timeout=20).status_code == 201
    wait_until(lambda: "nobody is subscribed to tills/CAJA01/orders" in relay.log, "the log says that nobody hears it")
    relay.terminate()
    (relay.config.parent / "secret").write_text(secrets.token_hex(32))
    relay.start()
    relay.wait_until_healthy()
    assert requests.post(stolen, json={"topic": "payment", "resource": "7"}, timeout=20).status_code == 404
    with subscribed(broker) as till:
        assert requests.post(relay.address(), json={"topic": "payment", "resource": "8"}, timeout=20).status_code == 201
        assert till.next()["id"] == "8"


def test_a_bundle_that_waits_for_a_stolen_till_can_be_withdrawn(broker, start_relay):
    relay = start_relay(broker.port, more=CLAIMS)
    relay.wait_until_healthy()
    share = secrets.token_hex(32)
    claim = f"{relay.url}/claims/{share}"
    body = encode_claim(Claim("K7QM", "00000000a3c1f0e2", "0.1.0", ""))
    assert requests.put(claim, data=body, timeout=20).status_code == 201
    folder = relay.config.parent / "claims"
    store_bundle(folder, share, b"sealed")
    assert requests.get(claim, timeout=20).content == b"sealed"
    for path in folder.iterdir():
        path.unlink()
    assert requests.get(claim, timeout=20).status_code == 404, "it has to claim again, and nobody enrolls it"
    assert "rm /var/lib/till-relay/claims/*" in SECURITY
