"""Where the tills' users are kept: in mosquitto's files, in RabbitMQ, or somewhere that only its own people can change.

`till-relay enroll` and `revoke` know brokers by this page only.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from edge.contract.mqtt import RELAY_STATUS, Topics, seller_topic
from relay.config import Config, Mosquitto, Rabbitmq
from relay.enroll import accounts
from relay.enroll.rabbitmq import RabbitmqAccounts
from relay.enroll.session import end_session


@dataclass(frozen=True)
class Enrolled:
    """A till that has its user. Made by `enroll`; read by whoever lets the broker know."""

    till: str
    user_id: str | None


class Accounts(Protocol):
    """The tills' users. A change is kept when its method returns. Methods raise `AccountError`."""

    def __contains__(self, till: str) -> bool: ...

    def is_reserved(self, till: str) -> bool:
        """Whether a user of this name has rights that no till has."""

    def put(self, till: str, password: str, user_id: str | None) -> None:
        """Add a till, which may read the doorbells of its seller; without `user_id`, of the one that it had before."""

    def remove(self, till: str) -> None:
        """Remove a till's user and its rights; a till that isn't enrolled is an `AccountError`."""


class Broker(Protocol):
    """The broker of the configuration. Made by `broker_of`; used by one command."""

    def open(self) -> AbstractContextManager[Accounts]:
        """Open the accounts. Raises `AccountError`."""

    def enrolled(self, tills: Sequence[Enrolled]) -> str:
        """Let the broker know; return what a person should know then. Raises `AccountError`."""

    def revoked(self, till: str) -> str:
        """End what it still keeps of a till; return what a person should know then. Raises `AccountError`."""


def broker_of(config: Config) -> Broker:
    """The broker whose users can be changed from here."""
    if config.mosquitto is not None:
        return _Mosquitto(config, config.mosquitto)
    if config.rabbitmq is not None:
        return _Rabbitmq(config, config.rabbitmq)
    return _Elsewhere(config)


class _Mosquitto:
    def __init__(self, config: Config, files: Mosquitto) -> None:
        self._config, self._files = config, files

    def open(self) -> AbstractContextManager[Accounts]:
        return accounts.open_accounts(self._files)

    def enrolled(self, tills: Sequence[Enrolled]) -> str:
        accounts.reload_mosquitto(self._files)
        return f"Mosquitto was reloaded: {_named(tills)} can connect now."

    def revoked(self, till: str) -> str:
        accounts.reload_mosquitto(self._files)
        if trouble := end_session(self._config.broker, till):
            print(f"What waits for {till} at the broker stays there for up to two weeks: {trouble}", file=sys.stderr)
        return f"Mosquitto was reloaded: it ends the connection of {till} now."


class _Rabbitmq:
    def __init__(self, config: Config, api: Rabbitmq) -> None:
        self._accounts = RabbitmqAccounts(api, config.broker.topic_root)

    @contextmanager
    def open(self) -> Iterator[Accounts]:
        yield self._accounts

    def enrolled(self, tills: Sequence[Enrolled]) -> str:
        return f"RabbitMQ has the users: {_named(tills)} can connect now."

    def revoked(self, till: str) -> str:
        return f"RabbitMQ has ended the connection of {till}, and deleted what waited for it."


class _Elsewhere:
    """No broker that can be changed from here: its people are told what to do."""

    def __init__(self, config: Config) -> None:
        self._root = config.broker.topic_root

    @contextmanager
    def open(self) -> Iterator[Accounts]:
        yield _NoAccounts()

    def enrolled(self, tills: Sequence[Enrolled]) -> str:
        head = "The configuration has no section mosquitto or rabbitmq, so the broker doesn't know them yet. Add there:"
        return "\n".join([head, *map(self._rights, tills)])

    def _rights(self, each: Enrolled) -> str:
        topics = Topics(self._root, each.till)
        read = [topics.orders, topics.commands, topics.announcements, RELAY_STATUS]
        read += [seller_topic(each.user_id)] if each.user_id else []
        write = [topics.status, topics.tickets, topics.answers, topics.ping, topics.commissioning]
        return (
            f"the user {each.till} with the password in broker_password, for the client id till-{each.till}\n"
            f"  it reads   {'  '.join(read)}\n"
            f"  it writes  {'  '.join(write)}"
        )

    def revoked(self, till: str) -> str:
        return (
            "The configuration has no section mosquitto or rabbitmq: remove the user, its rights, its "
            f"connection and the session till-{till} at the broker yourself."
        )


class _NoAccounts:
    """Of a broker whose users aren't known here, and are changed by its own people."""

    def __contains__(self, till: str) -> bool:
        return False

    def is_reserved(self, till: str) -> bool:
        return False

    def put(self, till: str, password: str, user_id: str | None) -> None:
        """Its people do it."""

    def remove(self, till: str) -> None:
        """Its people do it."""


def _named(tills: Sequence[Enrolled]) -> str:
    return tills[0].till if len(tills) == 1 else "the tills"
