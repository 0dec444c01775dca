"""Which pings are answered: a till is told that its subscription works, but can't keep the relay from the others.

A till pings every five minutes, and every 30 seconds while something is wrong. What is too often, or can't be used, is
counted, and reported in one line a minute.
"""

from collections import Counter

from edge.contract.mqtt import NONCE, BadMessageError, Doorbell, decode, is_till_id
from relay.limits import Limit

PING_LIMIT = (1, 60)
"""Pings of one till per second, and at once."""
NEW_TILLS_LIMIT = (20, 1000)
"""Tills that weren't heard before, per second, and at once: all of a fleet ping when the relay has started."""
ALL_PINGS_LIMIT = (200, 1000)
"""Pings of all tills together. More at once would take the doorbells' place in the queue to the broker."""
NEW_TILLS = "new tills"
"""Those that were too many are counted together: their names cost no memory."""
REPORT_INTERVAL_S = 60.0
MAX_TILLS_REPORTED = 5


class Pings:
    """The pings of all tills, as one relay gets them."""

    def __init__(self) -> None:
        self._till, self._new, self._all = Limit(*PING_LIMIT), Limit(*NEW_TILLS_LIMIT), Limit(*ALL_PINGS_LIMIT)
        self._refused: Counter[str] = Counter()
        self._reason = ""

    def allows(self, topic: str, now: float) -> bool:
        """Count one ping, whatever is in it, and say whether it is within the limits. `now`: a monotonic clock."""
        known = topic in self._till or self._new.allows("", now)
        allowed = known and self._till.allows(topic, now) and self._all.allows("", now)
        self._refused[topic if known else NEW_TILLS] += not allowed
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
