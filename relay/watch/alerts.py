"""What is owed to whom: each alert once when it has lasted, once when it is over, a digest in the morning. Pure.

The ledger learns what is wrong and is asked what a channel is owed, as the till is. What was delivered stays in it, so
that neither a restart nor a channel that was down makes anybody hear a thing twice, or never.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from relay.config import Watch
from relay.fleet.rows import Hours
from relay.watch.signs import Cause, Sign, View

OVER_AFTER = timedelta(minutes=2)
"""So long a sign must be gone before it is over: a till that restarts comes and goes."""
PATIENCE = {
    Cause.BROKER: timedelta(minutes=5),
    Cause.RELAY: timedelta(minutes=5),
    Cause.CARD: timedelta(minutes=5),
    Cause.TOKEN_REFUSED: timedelta(minutes=5),
    Cause.MERCADO_PAGO: timedelta(minutes=10),
    Cause.TOKEN_EXPIRES: timedelta(0),
    Cause.VERSION: timedelta(days=3),
    Cause.UPDATE: timedelta(minutes=5),
    Cause.SOUND: timedelta(minutes=30),
}
"""How long a sign lasts before it is told, where the configuration doesn't say it."""
CAN_WAIT = (Cause.TOKEN_EXPIRES, Cause.VERSION, Cause.UPDATE, Cause.SOUND)
"""What nobody is woken for, even where the shop is open at night."""


@dataclass(frozen=True)
class Rules:
    """When what may be told. Made of the configuration, at the start."""

    quiet: Hours
    """What can wait waits until they end; then the digest is due."""
    shop: Hours | None
    """Opening hours; None: unknown, which counts as open."""
    dark: timedelta = timedelta(minutes=10)
    printer: timedelta = timedelta(minutes=10)
    attention: timedelta = timedelta(minutes=30)

    @classmethod
    def of(cls, watch: Watch, quiet: Hours, shop: Hours | None) -> "Rules":
        minutes = (watch.dark_minutes, watch.no_paper_minutes, watch.attention_minutes)
        return cls(quiet, shop, *(timedelta(minutes=each) for each in minutes))

    def patience(self, cause: Cause) -> timedelta:
        own = {Cause.DARK: self.dark, Cause.PRINTER: self.printer, Cause.ATTENTION: self.attention}
        return own.get(cause) or PATIENCE[cause]

    def shop_is_open(self, now: datetime) -> bool:
        return self.shop is None or self.shop.include(now)

    def may_be_told(self, cause: Cause, now: datetime) -> bool:
        """While the shop is closed, everything can wait for the morning."""
        return not self.quiet.include(now) or (cause not in CAN_WAIT and self.shop_is_open(now))

    def today(self, now: datetime) -> date:
        return now.astimezone(self.quiet.zone).date()


@dataclass(frozen=True)
class Alert:
    """One sign, and since when it is there. `Ledger.observe` makes it and forgets it."""

    sign: Sign
    detail: str
    since: datetime
    gone_since: datetime | None = None

    def is_due(self, rules: Rules, now: datetime) -> bool:
        """Whether it has lasted. A till that is dark is waited for from the opening on."""
        if self.gone_since is not None or (self.sign.cause is Cause.DARK and not rules.shop_is_open(now)):
            return False
        opened = rules.shop.opened_at(now) if self.sign.cause is Cause.DARK and rules.shop else self.since
        return now - max(self.since, opened) >= rules.patience(self.sign.cause)

    def is_over(self, now: datetime) -> bool:
        return self.gone_since is not None and now - self.gone_since >= OVER_AFTER


@dataclass(frozen=True)
class Message:
    """What one channel is to hear now. `Ledger.owed` makes it; `words.py` writes it down."""

    begun: tuple[Alert, ...] = ()
    over: tuple[Alert, ...] = ()
    still: tuple[Alert, ...] = ()
    """In the morning: what was told before and goes on."""
    morning: date | None = None
    tills: int = 0
    ready: int = 0
    again: bool = False
    """An attempt was cut off by the end of this process: the message may be out already."""


@dataclass(frozen=True)
class Channel:
    """What one receiver has heard."""

    told: frozenset[Sign] = frozenset()
    """What it heard the beginning of, and not the end."""
    digest: date | None = None
    """The day of its last digest."""
    is_sending: bool = False
    """An attempt has begun. It is in the memory before the first byte leaves."""


@dataclass(frozen=True)
class Ledger:
    """All that the watch remembers. Kept in one file, which is written whenever this value changes."""

    alerts: Mapping[Sign, Alert] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)

    def observe(self, signs: Mapping[Sign, str], now: datetime, heard: Collection[str] | None = None) -> "Ledger":
        """Learn what is wrong now. What nobody can know now isn't over, and begins anew if nobody was told.

        `heard`: as in `View`.
        """
        alerts = {sign: self._seen(sign, detail, now) for sign, detail in signs.items()}
        for sign, alert in self.alerts.items():
            if sign in signs:
                continue
            if _is_known(sign, signs, heard):
                alerts[sign] = replace(alert, gone_since=alert.gone_since or now)
            elif self._was_told(sign):
                alerts[sign] = alert
        kept = {sign: alert for sign, alert in alerts.items() if self._is_needed(alert, now)}
        return replace(self, alerts=kept)

    def _seen(self, sign: Sign, detail: str, now: datetime) -> Alert:
        """One that comes back before its end was told has never been away for whoever heard of it."""
        before = self.alerts.get(sign)
        if before is None or (before.gone_since is not None and not self._was_told(sign)):
            return Alert(sign, detail, now)
        return replace(before, detail=detail, gone_since=None)

    def _was_told(self, sign: Sign) -> bool:
        return any(sign in channel.told for channel in self.channels.values())

    def _is_needed(self, alert: Alert, now: datetime) -> bool:
        return not alert.is_over(now) or self._was_told(alert.sign)

    def among(self, names: Iterable[str]) -> "Ledger":
        """Keep these channels only; a new one begins with what is owed now."""
        return replace(self, channels={name: self.channels.get(name, Channel()) for name in names})

    def owed(self, name: str, view: View, rules: Rules, now: datetime) -> Message | None:
        """Return what this channel is to hear now; None if nothing."""
        channel, quiet = self.channels[name], rules.quiet.include(now)
        morning = rules.today(now) if not quiet and channel.digest != rules.today(now) else None
        begun = tuple(
            alert
            for sign, alert in sorted(self.alerts.items())
            if sign not in channel.told and alert.is_due(rules, now) and rules.may_be_told(sign.cause, now)
        )
        known = [alert for sign, alert in sorted(self.alerts.items()) if sign in channel.told]
        over = () if quiet else tuple(alert for alert in known if alert.is_over(now))
        if not (begun or over or morning):
            return None
        still = tuple(alert for alert in known if alert not in over) if morning else ()
        return Message(begun, over, still, morning, len(view.statuses), view.ready, channel.is_sending)

    def sending(self, name: str) -> "Ledger":
        """An attempt begins."""
        return self._with(name, replace(self.channels[name], is_sending=True))

    def failed(self, name: str) -> "Ledger":
        """It was not delivered; all of it is owed still."""
        return self._with(name, replace(self.channels[name], is_sending=False))

    def delivered(self, name: str, message: Message) -> "Ledger":
        """It was delivered."""
        begun, over = ({alert.sign for alert in alerts} for alerts in (message.begun, message.over))
        told = (self.channels[name].told | begun) - over
        return self._with(name, Channel(told, message.morning or self.channels[name].digest))

    def _with(self, name: str, channel: Channel) -> "Ledger":
        return replace(self, channels={**self.channels, name: channel})


def _is_known(sign: Sign, signs: Mapping[Sign, str], heard: Collection[str] | None) -> bool:
    """Whether a sign that isn't there is really gone: without the broker, and of a dark till, nobody knows."""
    if sign.cause in (Cause.BROKER, Cause.TOKEN_EXPIRES):
        return True
    if heard is not None and sign.subject and sign.subject not in heard:
        return False  # it was dark before we began to listen, and the broker doesn't say so again
    return Sign("", Cause.BROKER) not in signs and Sign(sign.subject, Cause.DARK) not in signs
