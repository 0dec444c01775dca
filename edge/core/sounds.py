"""What is heard: owed like the lights, a view of the till. Pure.

*Paid* is heard for a ticket that the light calls paid, once, and never for a copy; a restart forgets what was not
heard. The other signs are heard when the light begins to say them, as long as it does. A sound that was begun isn't
tried again, whatever came of it: a customer of now must not be taken for one of before. A line that flaps is heard a
few times, and then now and then.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.core import duties, events
from edge.core.budget import Budget, Rate
from edge.core.duties import Heard, Play
from edge.core.status import SHOWN_S, Signal, signal

if TYPE_CHECKING:
    from edge.core.state import Till

PAID_COUNTS_S = 15.0
"""How long a sale may wait for its sound while others are heard; later it would be taken for another's."""
MAX_WAITING = 2
"""Sales that wait for a sound of their own. What is to be heard next is so at most two sentences late."""
ALARMS = Rate(every_s=600.0, burst=3)
"""How often each of the standing signs is heard: a line that flaps all day must not be heard all day."""
HOLD_HEARD_AFTER_S = 0.5
"""A finger that only presses is gone by then."""
STANDING = (Signal.ATTENTION, Signal.PRINTER, Signal.UNREACHABLE)
"""Heard when they begin. They begin anew only after the light has said something else that lasts."""
PASSING = (Signal.HOLDING, Signal.PAID, Signal.CANCELLED, Signal.IDENTIFY)
"""The light says these for a moment, and then what it said before."""
RUNG = (Heard.PAID, Heard.CANCELLED, Heard.ATTENTION, Heard.UNREACHABLE)
"""What the printer's bell is for: a printer without paper takes no command, and a hold is over before it rings."""


@dataclass(frozen=True)
class Sounds:
    """What waits to be heard, and what was begun. Made by `observe_sounds` after each event; a restart forgets it."""

    owed: tuple[Play, ...] = ()
    """To the buzzer and the loudspeaker, in their order."""
    bells: tuple[Play, ...] = ()
    """To the printer's bell."""
    begun: Mapping[Heard, tuple[float, str]] = field(default_factory=dict)
    """For each sign the moment, and the order, of its last sound: the same one is owed once."""
    standing: Signal | None = None
    """What the light said last that isn't passing."""
    unsaid: Heard | None = None
    """The sign that stands and is still to be heard, as soon as there may be another alarm."""
    alarms: Mapping[Heard, Budget] = field(default_factory=dict)
    """For each standing sign, how often it was heard."""
    prepared: bool = False
    """All pieces are made, or can't be."""
    error: str = ""
    """Why the last sound could not be made, for people; "" if it could."""
    bell_error: str = ""
    """The same of the printer's bell."""

    def owe(self, play: Play, till: "Till") -> "Sounds":
        """Owe a sound to each voice, unless it was owed before, or the hours are quiet."""
        if self.begun.get(play.sign) == (play.at, play.reference):
            return self
        sounds = replace(self, begun={**self.begun, play.sign: (play.at, play.reference)})
        if till.settings.plays:
            sounds = replace(sounds, owed=_lined_up(sounds.owed, play))
        if till.settings.rings and play.sign in RUNG:
            sounds = replace(sounds, bells=_lined_up(sounds.bells, play))
        return sounds

    def stands(self, sign: Signal) -> "Sounds":
        """The light says this by now; if it lasts and is an alarm, it is to be heard once."""
        if sign in PASSING or sign is self.standing:
            return self
        return replace(self, standing=sign, unsaid=Heard(sign.value) if sign in STANDING else None)

    def alarm(self, till: "Till", now: float) -> "Sounds":
        """Owe what stands and is unsaid, if there may be another alarm now."""
        sign = self.unsaid
        if sign is None or not self.alarms.get(sign, Budget()).allows(ALARMS, now):
            return self
        spent = {**self.alarms, sign: self.alarms.get(sign, Budget()).spend(ALARMS, now)}
        return replace(self, unsaid=None, alarms=spent).owe(Play(sign, now), till)

    @property
    def alarm_at(self) -> float | None:
        """When what stands and is unsaid may be heard; None if nothing is."""
        return None if self.unsaid is None else self.alarms[self.unsaid].free_at(ALARMS, 0.0)

    @property
    def trouble(self) -> str:
        """Why something can't be heard, for people; "" if all can."""
        return "; ".join(filter(None, (self.error, self.bell_error)))

    @property
    def bell_duty(self) -> duties.RingBell | None:
        """What the printer's bell is to be rung for now, a sale first; None if for nothing."""
        first = _sale_first(self.bells)
        return duties.RingBell(first.sign) if first else None

    def without(self, duty: Play | duties.RingBell) -> "Sounds":
        if isinstance(duty, Play):
            return replace(self, owed=tuple(other for other in self.owed if other != duty))
        rung = next((play for play in self.bells if play.sign is duty.sign), None)  # none, if it is over by now
        return replace(self, bells=tuple(other for other in self.bells if other is not rung))


def _lined_up(row: tuple[Play, ...], play: Play) -> tuple[Play, ...]:
    """The row with one more. The first that waits keeps a sound of its own; what waits behind it is heard as one."""
    alike = [other for other in row if other.sign is play.sign]
    if len(alike) < MAX_WAITING:
        return (*row, play)
    joined = replace(play, sales=alike[-1].sales + play.sales)
    return (*(other for other in row if other is not alike[-1]), joined)


def _sale_first(row: tuple[Play, ...]) -> Play | None:
    return min(row, key=lambda play: play.sign is not Heard.PAID, default=None)


# --- what is owed ----------------------------------------------------------------------------------------------------


def sound_duty(till: "Till") -> duties.SoundDuty | None:
    """What is to be heard now, a sale first; or else a piece to be made for later; None if nothing."""
    first = _sale_first(till.sounds.owed)
    if first is None and till.settings.plays and not till.sounds.prepared:
        return duties.PrepareSounds()
    return first


def _counts(till: "Till", play: Play, now: float) -> bool:
    """Whether the sound still means what it would be taken for."""
    match play.sign:
        case Heard.PAID:
            return now < play.at + PAID_COUNTS_S
        case Heard.CANCELLED:
            return now < play.at + SHOWN_S
        case Heard.HOLDING:
            return till.cashier.button.being_held and till.cashier.button.down_at == play.at
    return till.sounds.standing is not None and till.sounds.standing.value == play.sign.value


# --- what follows after each event -----------------------------------------------------------------------------------


def observe_sounds(till: "Till", now: float) -> "Till":
    """Owe what the light says by now, and drop what it doesn't say any more."""
    if not (till.settings.plays or till.settings.rings):
        return till
    sounds = till.sounds.stands(signal(till, now))
    if _is_quiet(till, now):
        sounds = replace(sounds, unsaid=None)
    else:
        for play in _heard_now(till, now):
            sounds = sounds.owe(play, till)
        sounds = sounds.alarm(till, now)
    till = replace(till, sounds=sounds)
    owed, bells = (tuple(play for play in row if _counts(till, play, now)) for row in (sounds.owed, sounds.bells))
    return replace(till, sounds=replace(sounds, owed=owed, bells=bells))


def _heard_now(till: "Till", now: float) -> Iterator[Play]:
    """What passes: each has a moment of its own, by which it is known."""
    if (paid := _paid(till, now)) is not None:
        yield paid
    if till.cashier.cancelled_at is not None and now < till.cashier.cancelled_at + SHOWN_S:
        yield Play(Heard.CANCELLED, till.cashier.cancelled_at)
    button = till.cashier.button
    if button.being_held and now >= button.down_at + HOLD_HEARD_AFTER_S:
        yield Play(Heard.HOLDING, button.down_at)


def _paid(till: "Till", now: float) -> Play | None:
    """The sale for which the light says paid, unless its ticket is marked as a copy."""
    ticket_at, last = till.printer.ticket_at, till.printer.last_ticket
    if ticket_at is None or last is None or now >= ticket_at + SHOWN_S:
        return None
    order = till.orders.get(last.reference)
    if order is None or order.reading is None or duties.Banner.COPY in order.banners:
        return None
    return Play(Heard.PAID, ticket_at, order.reference, order.reading.total, order.reading.currency)


def _is_quiet(till: "Till", now: float) -> bool:
    """Whether these are the hours in which nothing is to be heard. Without a clock they are not."""
    moment = till.sweeps.sure_clock(now)
    if till.settings.quiet is None or moment is None:
        return False
    begin, end = till.settings.quiet
    hour = moment.astimezone(till.settings.timezone).time()
    return begin <= hour < end if begin <= end else hour >= begin or hour < end


def on_sound_event(till: "Till", event: events.SoundEvent) -> "Till":
    match event:
        case events.SoundBegun(duty):
            return replace(till, sounds=till.sounds.without(duty))
        case events.SoundTried(error, of_bell=True):
            return replace(till, sounds=replace(till.sounds, bell_error=error))
        case events.SoundTried(error):
            return replace(till, sounds=replace(till.sounds, error=error))
        case events.SoundsPrepared(complete, error):
            return replace(till, sounds=replace(till.sounds, prepared=complete, error=error or till.sounds.error))
