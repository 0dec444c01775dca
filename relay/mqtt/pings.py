"""Which pings are answered: a till is told that its subscription works, but can't keep the relay from the others.

A till pings every five minutes, and every 30 seconds while something is wrong. What is too often, or can't be used, is
counted, and reported in one line a minute.
"""

from collections import Counter

from edge.contract.mqtt import NONCE, BadMessageError, Doorbell, decode, is_till_id
from relay.limits import Limit

PING_LIMIT = (1, 60)
"""Pings of one till per second, and at once."""
REPORT_INTERVAL_S = 60.0
MAX_TILLS_REPORTED = 5


class Pings:
    """The pings of all tills, as one relay gets them. `allows` is for the network's thread, and raises nothing."""

    def __init__(self) -> None:
        self._limit = Limit(*PING_LIMIT)
        self._refused: Counter[str] = Counter()
        self._reason = ""

    def allows(self, topic: str, now: float) -> bool:
        """Count one ping, whatever is in it, and say whether it is within the limit. `now`: a monotonic clock."""
        allowed = self._limit.allows(topic, now)
        self._refused[topic] += not allowed
        return allowed

    def echo(self, till: str, topic: str, payload: bytes, retained: bool) -> Doorbell | None:
        """Return the doorbell that answers a ping; None if it can't be used."""
        try:
            nonce = decode(payload).get("id")
        except BadMessageError as error:
            self._refuse(topic, str(error))
            return None
        if retained or not is_till_id(till) or not isinstance(nonce, str) or not NONCE.fullmatch(nonce):
            self._refuse(topic, "its till or its id is not usable, or it was retained")
            return None
        return Doorbell("ping", nonce)

    def report(self) -> str:
        """Return what was refused since the last report, in one line; "" for nothing."""
        refused, self._refused = self._refused, Counter()
        reason, self._reason = self._reason, ""
        worst = [f"{topic} {count}" for topic, count in refused.most_common(MAX_TILLS_REPORTED) if count]
        if not worst:
            return ""
        return f"dropped {refused.total()} pings of {len(+refused)} tills: {', '.join(worst)}; {reason or 'too many'}"

    def _refuse(self, topic: str, reason: str) -> None:
        self._refused[topic] += 1
        self._reason = reason
