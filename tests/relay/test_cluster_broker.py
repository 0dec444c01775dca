"""A broker of several nodes, one of which answers nothing: what goes by the others isn't held up by it."""

import asyncio
import contextlib

from edge.contract.mqtt import RELAY_STATUS, REPEAT_EVERY_S
from relay.config import Broker
from relay.mqtt import publisher
from relay.mqtt.publisher import Publisher
from tests.support.odd_broker import CONNACK, CONNECT, PUBACK, PUBLISH, SUBACK, SUBSCRIBE, Link, OddBroker

FROZEN, WELL = "tills/FROZEN/orders", "tills/WELL/orders"


def a_cluster(heard: list[str], limits: bytes = b"\0"):
    """Acknowledges all but the doorbells of one till, whose queue is at a frozen node."""

    def talk(link: Link) -> None:
        while packet := link.next():
            kind, body = packet[0] & 0xF0, packet[1]
            if kind == CONNECT:
                link.say(CONNACK, b"\0\0" + limits)
            elif kind == SUBSCRIBE & 0xF0:
                link.say(SUBACK, body[:2] + b"\0\1")
            elif kind == PUBLISH:
                end = 2 + int.from_bytes(body[:2], "big")
                heard.append(body[2:end].decode())
                if heard[-1] != FROZEN:
                    link.say(PUBACK, body[end : end + 2] + b"\0\0")

    return talk


@contextlib.asynccontextmanager
async def relay_at(broker: OddBroker):
    relay = Publisher(Broker(host=broker.host, port=broker.port, tls=None))
    relay.start()
    async with asyncio.timeout(20):
        while not relay.hears_pings:
            await asyncio.sleep(0.01)
    yield relay
    relay._waiting.clear()
    await relay.stop()


async def ring_the_frozen(relay: Publisher, count: int) -> list[asyncio.Task[bool]]:
    rung = [asyncio.create_task(relay.publish(FROZEN, b"x")) for _ in range(count)]
    await asyncio.sleep(0.2)
    return rung


async def end(tasks: list[asyncio.Task[bool]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_doorbells_that_a_frozen_node_does_not_acknowledge_hold_up_no_others():
    async def story(broker: OddBroker) -> None:
        async with relay_at(broker) as relay:
            waiting = await ring_the_frozen(relay, 100)
            assert await relay.publish(WELL, b"x")
            await end(waiting)

    with OddBroker(a_cluster([])) as broker:
        asyncio.run(story(broker))


def test_no_broker_gets_more_at_once_than_it_allows():
    heard: list[str] = []

    async def story(broker: OddBroker) -> None:
        async with relay_at(broker) as relay:
            waiting = await ring_the_frozen(relay, 10)
            await end(waiting)

    with OddBroker(a_cluster(heard, limits=b"\3\x21\0\4")) as broker:
        asyncio.run(story(broker))
    assert heard.count(FROZEN) == 4


def test_the_relay_repeats_that_it_is_there(monkeypatch):
    assert REPEAT_EVERY_S == 300
    monkeypatch.setattr(publisher, "REPEAT_EVERY_S", 0.05)
    heard: list[str] = []

    async def story(broker: OddBroker) -> None:
        async with relay_at(broker):
            await asyncio.sleep(0.5)

    with OddBroker(a_cluster(heard)) as broker:
        asyncio.run(story(broker))
    assert heard.count(RELAY_STATUS) >= 4
