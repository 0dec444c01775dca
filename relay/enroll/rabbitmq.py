"""The tills' users in RabbitMQ, by its management API: their passwords, and the rights of each, on topics and queues.

A till's user has the tag `till`, so that no till gets the name of another user. One node is asked; its cluster knows.
"""

import base64
import http.client
import json
import re
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

from edge.contract.mqtt import RELAY_STATUS, seller_topic
from relay.config import Rabbitmq
from relay.enroll.accounts import NOT_ENROLLED, AccountError

TAG = "till"
TIMEOUT_S = 10.0
EXCHANGE = "amq.topic"
VHOST = quote("/", safe="")
WRITES = ("status", "tickets", "answers", "ping", "commissioning")
READS = ("orders", "commands", "announcements")


class RabbitmqAccounts:
    """All of them. A change holds at each node when its method returns. Methods raise `AccountError`."""

    def __init__(self, api: Rabbitmq, topic_root: str) -> None:
        self._api = api
        self._root = topic_root

    def __contains__(self, till: str) -> bool:
        return TAG in self._tags(till)

    def is_reserved(self, till: str) -> bool:
        """Whether a user of this name is no till."""
        user = self._user(till)
        return user is not None and TAG not in self._tags(till)

    def put(self, till: str, password: str, user_id: str | None) -> None:
        """Add a till, which may read the doorbells of its seller; without `user_id`, of the one that it had before."""
        read = self._known_seller(till) if user_id is None else _pattern(seller_topic(user_id))
        self._ask("PUT", f"users/{till}", {"password": password, "tags": TAG})
        self._ask("PUT", f"permissions/{VHOST}/{till}", queue_rights(till))
        self._ask("PUT", f"topic-permissions/{VHOST}/{till}", topic_rights(self._root, till, read))

    def remove(self, till: str) -> None:
        """Remove a till's user, and with it its rights; end its connection; and delete what waits for it."""
        if till not in self:
            raise AccountError(NOT_ENROLLED.format(till))
        self._ask("DELETE", f"users/{till}")
        self._ask("DELETE", f"connections/username/{till}")
        for qos in (0, 1):
            self._ask("DELETE", f"queues/{VHOST}/{_queue(till)}{qos}")

    def _user(self, name: str) -> dict[str, Any] | None:
        found = self._ask("GET", f"users/{name}")
        return found if isinstance(found, dict) else None

    def _tags(self, name: str) -> list[str]:
        tags = (self._user(name) or {}).get("tags", [])
        return tags.split(",") if isinstance(tags, str) else tags  # a text before 3.9

    def _known_seller(self, till: str) -> str:
        """The seller's topic, as the rights that the till has name it."""
        rights = self._ask("GET", f"topic-permissions/{VHOST}/{till}")
        for each in rights if isinstance(rights, list) else [rights or {}]:
            if seller := re.search(r"sellers\\\.[0-9]+\\\.orders", each.get("read", "")):
                return seller[0]
        return ""

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        """Return the answer, None where there is none. Raises `AccountError`."""
        try:
            with closing(self._connection()) as connection:
                content = json.dumps(body) if body else None
                connection.request(method, f"{urlsplit(self._api.url).path}/api/{path}", content, self._headers())
                answer = connection.getresponse()
                text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AccountError(f"RabbitMQ's management API at {self._api.url} can't be asked: {error}") from None
        return None if answer.status == http.client.NOT_FOUND else self._read(answer.status, text, f"{method} {path}")

    def _connection(self) -> http.client.HTTPConnection:
        where = urlsplit(self._api.url)
        host = where.hostname or ""
        if where.scheme == "https":
            return http.client.HTTPSConnection(host, where.port, timeout=TIMEOUT_S, context=self._api.context())
        return http.client.HTTPConnection(host, where.port, timeout=TIMEOUT_S)

    def _read(self, status: int, text: bytes, request: str) -> Any:
        if status >= http.client.BAD_REQUEST:
            who = f"the user {self._api.username} at {self._api.url}"
            said = f"{status} {text.decode(errors='replace')[:200]}"
            if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
                said += "; check its password_file, and that it has the tag administrator"
            raise AccountError(f"RabbitMQ refuses {request} of {who}: {said}")
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise AccountError(f"what answers at {self._api.url} is not RabbitMQ's management API") from None

    def _headers(self) -> dict[str, str]:
        login = base64.b64encode(f"{self._api.username}:{self._api.password()}".encode()).decode()
        return {"Authorization": f"Basic {login}", "Content-Type": "application/json"}


def queue_rights(till: str) -> dict[str, str]:
    """The rights on the queues that hold its session, by which it also hears and says things on topics."""
    queues = f"{re.escape(_queue(till))}[01]"
    return {"configure": f"^{queues}$", "write": f"^(amq\\.topic|{queues})$", "read": f"^(amq\\.topic|{queues})$"}


def topic_rights(root: str, till: str, seller: str) -> dict[str, str]:
    """What it may say and hear: the rights of relay/mosquitto/acl. `seller` is a pattern, or ""."""
    ours = _pattern(f"{root}/{till}")
    heard = [f"{ours}\\.({'|'.join(READS)})", _pattern(RELAY_STATUS), *filter(None, [seller])]
    said = f"^{ours}\\.({'|'.join(WRITES)})$"
    return {"exchange": EXCHANGE, "write": said, "read": f"^({'|'.join(heard)})$"}


def _queue(till: str) -> str:
    return f"mqtt-subscription-till-{till}qos"


def _pattern(topic: str) -> str:
    """A topic of MQTT as RabbitMQ matches it."""
    return re.escape(topic.replace("/", "."))
