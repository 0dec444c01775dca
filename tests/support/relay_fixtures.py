"""Fixtures of the relay's stories, taken by `pytest_plugins = ["tests.support.relay_fixtures"]`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sim.mosquitto import Mosquitto
from tests.support.relays import CLAIMS, RelayProcess, Subscriber, subscribed


@pytest.fixture(scope="module")
def shared_broker() -> Iterator[Mosquitto]:
    with Mosquitto() as broker:
        yield broker


@pytest.fixture(scope="module")
def relay(shared_broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A relay for tests that harm neither it nor its broker."""
    relay = RelayProcess(tmp_path_factory.mktemp("relay"), shared_broker.port, more=CLAIMS)
    relay.wait_until_healthy()
    yield relay
    relay.kill()


@pytest.fixture
def till(shared_broker: Mosquitto) -> Iterator[Subscriber]:
    with subscribed(shared_broker) as subscriber:
        yield subscriber


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A broker of the test's own, to be stopped, frozen or killed."""
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
def start_relay(tmp_path: Path) -> Iterator[Callable[..., RelayProcess]]:
    started: list[RelayProcess] = []

    def start(broker_port: int, **settings: object) -> RelayProcess:
        folder = tmp_path / f"relay{len(started)}"
        folder.mkdir()
        started.append(RelayProcess(folder, broker_port, **settings))
        return started[-1]

    yield start
    for relay in started:
        relay.kill()
