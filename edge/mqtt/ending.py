"""Why a session at the broker ended, in words for people; and what several of them in a row amount to.

What is certain is said as certain: that there is a twin only if the broker says so. A broker that ends sessions without
a word hangs up, whatever the reason may be.
"""

import ssl
from dataclasses import dataclass, replace
from enum import IntEnum

from edge.contract.reason_codes import NOT_AUTHORIZED, ReasonCode, Refusal, login_reason, reason
from edge.core.backoff import back_off, jittered
from edge.core.events import BrokerLost, BrokerTrouble

MAX_RETRY_S = 15.0
"""Before jitter, which may double it."""
MAX_BUSY_RETRY_S = 60.0
"""The same where the broker says that it is full or busy: it gets more air."""
FIRST_RETRY_S = 0.5
FIRST_SPREAD = 7.0
"""The first attempt after a session comes within 0.5 to 4 s: a broker that ends loses all of its tills at once."""
MAX_IN_A_ROW = 3
"""After so many sessions in a row that ended in the same odd way, it is reported."""
TWIN_PAUSE_S = 60.0


class Stage(IntEnum):
    """How far a session has come."""

    ADDRESS = 0
    LOGIN = 1
    SUBSCRIPTION = 2
    WORKING = 3


WAITED_FOR = {Stage.LOGIN: "the login", Stage.SUBSCRIPTION: "the subscription", Stage.WORKING: "a ping"}


@dataclass(frozen=True)
class Ending:
    """How one session ended. Made by the broker's thread; counted by `Streaks`."""

    trouble: BrokerTrouble
    why: str
    hung_up: bool = False
    """Without saying why."""


TROUBLES = {
    Refusal.CREDENTIALS: BrokerTrouble.CREDENTIALS,
    Refusal.UNFIT: BrokerTrouble.UNFIT,
    Refusal.BUSY: BrokerTrouble.BUSY,
    Refusal.TAKEN_OVER: BrokerTrouble.TAKEN_OVER,
    Refusal.UNKNOWN: BrokerTrouble.REFUSED,
}
ADVICE = {
    BrokerTrouble.CREDENTIALS: "check broker.username and broker.password_file",
    BrokerTrouble.RIGHTS: "check this till's rights at the broker",
    BrokerTrouble.UNFIT: "this broker, or its plan, can't do what a till needs",
    BrokerTrouble.BUSY: "it is full or busy; the till tries again",
    BrokerTrouble.REFUSED: "whoever runs the broker finds more in its log",
    BrokerTrouble.TAKEN_OVER: "another client came with this till's name",
}

WILL = "and its right to publish its status"


def refused_login(code: int) -> Ending:
    """The broker answered the login with a failure. "Not authorized" may also mean what we leave for when we die."""
    why = login_reason(code)
    ending = _refused("the broker refuses us", why)
    return replace(ending, why=f"{ending.why}, {WILL}") if why.number == NOT_AUTHORIZED else ending


def forbidden(topic: str) -> str:
    """What of us a broker forbids that ended a session for it."""
    return f"the broker ends the session at {topic}, which it may forbid; {ADVICE[BrokerTrouble.RIGHTS]}"


def ended_by(topic: str, ending: Ending) -> Ending:
    """The broker ended the session for this topic, without which we come back."""
    return Ending(BrokerTrouble.RIGHTS, forbidden(topic) if ending.hung_up else f"{topic}: {ending.why}")


def refused_subscription(code: int, topic: str) -> Ending:
    """The broker let us in, and not to our doorbells."""
    ending = _refused(f"the broker refuses the subscription to {topic}", reason(code))
    if ending.trouble is not BrokerTrouble.CREDENTIALS:
        return ending
    return _refused(f"the broker refuses the subscription to {topic}", reason(code), BrokerTrouble.RIGHTS)


def sent_away(code: int) -> Ending:
    """The broker ended a session that worked, and said why. Without rights it ends one at a message that we sent."""
    why = reason(code)
    if why.refusal is Refusal.UNKNOWN:
        said = f"the broker ended the session: {why if code else 'without a reason'}"
        return Ending(BrokerTrouble.LOST, said, hung_up=True)
    rights = BrokerTrouble.RIGHTS if why.refusal is Refusal.CREDENTIALS else None
    return _refused("the broker ended the session", why, rights)


def _refused(what: str, code: ReasonCode, trouble: BrokerTrouble | None = None) -> Ending:
    trouble = trouble or TROUBLES[code.refusal]
    return Ending(trouble, f"{what}: {code}; {ADVICE[trouble]}")


def hung_up(stage: Stage, address: str) -> Ending:
    """The connection ended without a word."""
    if stage is Stage.WORKING:
        return Ending(BrokerTrouble.LOST, "the connection was lost", hung_up=True)
    return Ending(BrokerTrouble.LOST, f"{address}: hung up instead of answering {WAITED_FOR[stage]}", hung_up=True)


def mute(stage: Stage, address: str, waited_s: float) -> Ending:
    """Somebody accepted the connection, and never answered."""
    if stage is Stage.WORKING:
        return Ending(BrokerTrouble.LOST, "the connection was lost: no answer to a ping")
    return Ending(
        BrokerTrouble.MUTE,
        f"{address}: connected, and no answer to {WAITED_FOR[stage]} within {waited_s:g} s: "
        "a firewall in between, or a wrong port?",
    )


def no_mqtt(stage: Stage, address: str) -> Ending:
    """What came is no packet of MQTT."""
    if stage is Stage.WORKING:
        return Ending(BrokerTrouble.LOST, "the broker sent something that is not MQTT", hung_up=True)
    return Ending(
        BrokerTrouble.NO_MQTT,
        f"{address}: what answers there does not speak MQTT 5: a wrong port, or a broker of an older standard?",
    )


def of_error(error: Exception, address: str, connect_timeout_s: float) -> Ending:
    """The connection could not be made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Ending(
            BrokerTrouble.NO_TLS, f"{address}: the broker's certificate is not trusted: {error.verify_message}"
        )
    if isinstance(error, TimeoutError):
        if "handshake" in str(error):
            return mute(Stage.LOGIN, address, connect_timeout_s)
        why = f"{address}: no answer within {connect_timeout_s:g} s: a firewall in between, or a wrong address?"
        return Ending(BrokerTrouble.UNREACHABLE, why)
    if isinstance(error, ssl.SSLError | ConnectionResetError):  # somebody answers, but not in TLS
        return Ending(BrokerTrouble.NO_TLS, f"{address}: {error}: a port without TLS, or a broker that is full?")
    return Ending(BrokerTrouble.UNREACHABLE, f"{address}: {error}")


# --- several in a row ----------------------------------------------------------------------------------------------

TWINS_WHY = (
    "the broker ended our session for another client of this till's name, again and again: two devices use this till's "
    "identity; give each its own till id"
)
HANGS_UP_WHY = (
    "the broker ends our sessions again and again and doesn't say why: it may be in trouble itself, "
    "or forbid something, or another device may use this till's identity"
)


@dataclass(frozen=True)
class Streaks:
    """How often in a row sessions were short, taken over, or ended without a word."""

    short: int = 0
    taken_over: int = 0
    hung_up: int = 0
    busy: bool = False
    """What the broker said last is that it is full or busy."""

    def after(self, ending: Ending, short: bool) -> "Streaks":
        return Streaks(
            self.short + 1 if short else 0,
            self.taken_over + 1 if ending.trouble is BrokerTrouble.TAKEN_OVER else 0,
            self.hung_up + 1 if ending.hung_up and short else 0,
            ending.trouble is BrokerTrouble.BUSY,
        )

    def report(self, ending: Ending) -> BrokerLost:
        """What the core hears of the last ending."""
        if self.taken_over >= MAX_IN_A_ROW:
            return BrokerLost(TWINS_WHY, BrokerTrouble.TWINS)
        if self.hung_up >= MAX_IN_A_ROW:
            return BrokerLost(f"{HANGS_UP_WHY} ({ending.why})", BrokerTrouble.HANGS_UP)
        return BrokerLost(ending.why, ending.trouble)

    def pause_s(self, jitter: float) -> float:
        """Until the next session; hardly ever the same for two tills that lost the same broker.

        Having reported twins we come back once, so that the status says so too, and then leave the other in peace.
        """
        if self.taken_over > MAX_IN_A_ROW:
            return jittered(TWIN_PAUSE_S, jitter, spread=1.0)
        if not self.short:
            return jittered(FIRST_RETRY_S, jitter, FIRST_SPREAD)
        return back_off(self.short, jitter, max_s=MAX_BUSY_RETRY_S if self.busy else MAX_RETRY_S, spread=1.0)
