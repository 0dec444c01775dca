"""What `till-relay watch` owes to whom: once when it has lasted, once when it is over, and at night what can't wait."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

import pytest

from relay.config import ConfigError, TokenEnd
from relay.fleet.facts import Status
from relay.fleet.rows import Hours
from relay.watch.alerts import CAN_WAIT, OVER_AFTER, Channel, Ledger, Message, Rules
from relay.watch.channels import open_channels
from relay.watch.memory import Memory
from relay.watch.signs import Cause, Sign, View, signs_of
from relay.watch.words import WORDS, letter_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = Hours(time(22), time(8), UTC)
SHOP = Hours(time(9), time(21), UTC)
BAR = Hours(time(18), time(4), UTC)
DARK = Sign("CAJA01", Cause.DARK)
GOOD = Status(state="ready", can_sell=True, printer="ready", api="ok", version="1.0")
GONE = Status(state="offline")


class Watch:
    """One ledger, a clock, and what its channels heard."""

    def __init__(self, now: datetime = NOON, shop: Hours | None = SHOP, channels: tuple[str, ...] = ("mail",)) -> None:
        self.now, self.rules = now, Rules(QUIET, shop)
        # Today's digest is out, unless a test is about it.
        digest = {name: Channel(digest=self.rules.today(now)) for name in channels}
        self.ledger = Ledger(channels=digest)
        self.heard: list[tuple[str, Message]] = []
        self.down: set[str] = set()

    def see(self, lasting: timedelta = timedelta(0), tokens: tuple[TokenEnd, ...] = (), **view: object) -> None:
        """The fleet is like this for so long; the watch looks each half minute."""
        shown = View(**view)  # type: ignore[arg-type]
        until = self.now + lasting
        while True:
            self.ledger = self.ledger.observe(
                signs_of(shown, tokens, self.rules.today(self.now)), self.now, shown.heard
            )
            for name in self.ledger.channels:
                self._bring(name, shown)
            if self.now >= until:
                return
            self.now = min(self.now + MINUTE / 2, until)

    def _bring(self, name: str, view: View) -> None:
        message = self.ledger.owed(name, view, self.rules, self.now)
        if message and name not in self.down:
            self.ledger = self.ledger.sending(name).delivered(name, message)
            self.heard.append((name, message))

    def tills(self, lasting: timedelta = timedelta(0), **tills: Status) -> None:
        self.see(lasting, statuses=tills, version="1.0")

    @property
    def told(self) -> list[tuple[str, list[Sign], list[Sign]]]:
        """Channel, what began, what is over; in order."""
        return [(name, [a.sign for a in each.begun], [a.sign for a in each.over]) for name, each in self.heard]


def but(**facts: object) -> Status:
    return Status(
        **{**{name: getattr(GOOD, name) for name in ("state", "can_sell", "printer", "api", "version")}, **facts}
    )


# --- each cause, once, and its end ------------------------------------------------------------------------------------

NAMED = "double_payment: CAJA01-000417"
CASES: Mapping[Cause, tuple[Status, str, timedelta]] = {
    Cause.DARK: (GONE, "", 10 * MINUTE),
    Cause.PRINTER: (but(state="printer", printer="no_paper"), "", 10 * MINUTE),
    Cause.ATTENTION: (but(state="attention", problems=(NAMED,)), NAMED, 30 * MINUTE),
    Cause.TOKEN_REFUSED: (but(api="refused", api_error="401", problems=("401",)), "", 5 * MINUTE),
    Cause.MERCADO_PAGO: (but(state="unreachable", can_sell=False, api="network"), "", 10 * MINUTE),
    Cause.UPDATE: (but(version="0.9", update_error="1.0: till-edge 1.0 doesn't come up"), "", 5 * MINUTE),
    Cause.SOUND: (but(sound_error="aplay: no such device"), "", 30 * MINUTE),
    Cause.CARD: (but(journal_error="disk I/O error", problems=("nothing: disk I/O error",)), "", 5 * MINUTE),
}


@pytest.mark.parametrize("cause", CASES)
def test_each_cause_is_told_once_when_it_has_lasted_and_once_when_it_is_over(cause):
    status, about, patience = CASES[cause]
    sign, watch = Sign("CAJA01", cause, about), Watch()
    watch.tills(patience - MINUTE, CAJA01=status)
    assert watch.told == []
    watch.tills(3 * 60 * MINUTE, CAJA01=status)
    assert watch.told == [("mail", [sign], [])]
    watch.tills(3 * 60 * MINUTE, CAJA01=GOOD)
    assert watch.told == [("mail", [sign], []), ("mail", [], [sign])]
    assert watch.ledger.alerts == {}


def test_a_dark_till_isnt_well_because_a_watch_that_restarts_hears_nothing_of_it():
    """At a broker that keeps no status for whoever asks for all tills: who was dark before isn't heard of again."""
    sign, watch = Sign("CAJA01", Cause.DARK), Watch()
    watch.tills(20 * MINUTE, CAJA01=GONE, CAJA02=GOOD)
    assert watch.told == [("mail", [sign], [])]
    watch.see(60 * MINUTE, statuses={"CAJA02": GOOD}, heard={"CAJA02"})
    assert watch.told == [("mail", [sign], [])]
    watch.see(60 * MINUTE, statuses={"CAJA01": GOOD, "CAJA02": GOOD}, heard={"CAJA01", "CAJA02"})
    assert watch.told == [("mail", [sign], []), ("mail", [], [sign])]


def test_a_relay_that_is_down_and_a_broker_that_is_away_are_told():
    watch = Watch()
    watch.see(10 * MINUTE, relay="offline")
    watch.see(10 * MINUTE, broker_trouble="no connection")
    watch.see(10 * MINUTE, relay="online")
    relay, broker = Sign("", Cause.RELAY), Sign("", Cause.BROKER)
    assert watch.told == [("mail", [relay], []), ("mail", [broker], []), ("mail", [], [broker, relay])]


def test_without_a_broker_nothing_is_said_of_the_tills():
    watch = Watch()
    watch.tills(20 * MINUTE, CAJA01=GONE)
    watch.see(60 * MINUTE, broker_trouble="no connection")
    assert not any(over for _, _, over in watch.told), "a till of which nothing is known is not back"


def test_of_a_till_that_is_dark_nothing_else_is_over_and_nothing_else_begins():
    watch, no_paper = Watch(), CASES[Cause.PRINTER][0]
    watch.tills(15 * MINUTE, CAJA01=no_paper, CAJA02=GOOD)
    watch.tills(5 * MINUTE, CAJA01=no_paper, CAJA02=no_paper)
    watch.tills(60 * MINUTE, CAJA01=GONE, CAJA02=GONE)
    printer, dark = Sign("CAJA01", Cause.PRINTER), [Sign(till, Cause.DARK) for till in ("CAJA01", "CAJA02")]
    assert watch.told == [("mail", [printer], []), ("mail", dark, [])]
    watch.tills(5 * MINUTE, CAJA01=no_paper, CAJA02=GOOD)
    assert watch.told[2:] == [("mail", [], dark)]
    watch.tills(5 * MINUTE, CAJA01=GOOD, CAJA02=GOOD)
    assert watch.told[3:] == [("mail", [], [printer])]


def test_what_had_begun_when_the_broker_went_is_not_told_while_it_is_away():
    watch = Watch()
    watch.tills(8 * MINUTE, CAJA01=GONE)
    watch.see(60 * MINUTE, broker_trouble="no connection")
    assert watch.told == [("mail", [Sign("", Cause.BROKER)], [])]
    watch.tills(8 * MINUTE, CAJA01=GONE)
    assert [begun for _, begun, _ in watch.told[1:]] == [[]], "its ten minutes begin anew"


def test_a_token_is_told_two_weeks_before_its_last_day():
    watch, token = Watch(), (TokenEnd("700100200", date(2026, 3, 17)),)
    watch.see(60 * MINUTE, token)
    assert watch.told == []
    watch.now += timedelta(days=1)
    watch.see(60 * MINUTE, token)
    sign = Sign("700100200", Cause.TOKEN_EXPIRES)
    assert [begun for _, begun, _ in watch.told] == [[sign]]
    watch.see(60 * MINUTE, (TokenEnd("700100200", date(2026, 9, 17)),))
    assert watch.told[-1] == ("mail", [], [sign])


def test_a_token_that_ends_soon_is_not_over_because_the_broker_is_away():
    watch, token = Watch(), (TokenEnd("CAJA01", date(2026, 3, 5)),)
    watch.see(60 * MINUTE, token, broker_trouble="no connection")
    assert {sign.cause for _, begun, _ in watch.told for sign in begun} == {Cause.TOKEN_EXPIRES, Cause.BROKER}
    assert not any(over for _, _, over in watch.told)


def test_a_version_is_behind_if_another_till_or_this_machine_has_a_newer_one_for_three_days():
    old, new = but(version="0.9.1"), but(version="0.10.0")
    watch = Watch()
    watch.see(71 * 60 * MINUTE, statuses={"CAJA01": old, "CAJA02": new}, version="0.9.1")
    assert not any(begun for _, begun, _ in watch.told)
    watch.see(2 * 60 * MINUTE, statuses={"CAJA01": old, "CAJA02": new}, version="0.9.1")
    assert [begun for _, begun, _ in watch.told if begun] == [[Sign("CAJA01", Cause.VERSION)]]
    assert set(signs_of(View({"CAJA01": old}, version="1.0"), (), date.today())) == {Sign("CAJA01", Cause.VERSION)}


@pytest.mark.parametrize("short", [GONE, but(printer="no_paper"), but(problems=("stuck",))])
def test_what_passes_by_itself_is_never_told(short):
    watch = Watch()
    for _ in range(10):
        watch.tills(8 * MINUTE, CAJA01=short)
        watch.tills(3 * MINUTE, CAJA01=GOOD)
    assert watch.told == []


def test_a_till_that_comes_and_goes_is_told_once_and_is_over_when_it_stays():
    watch = Watch()
    for _ in range(10):
        watch.tills(12 * MINUTE, CAJA01=GONE)
        watch.tills(OVER_AFTER - MINUTE, CAJA01=GOOD)
    watch.tills(10 * MINUTE, CAJA01=GOOD)
    assert watch.told == [("mail", [DARK], []), ("mail", [], [DARK])]


def test_a_second_problem_of_a_till_is_news_and_a_text_that_changes_is_not():
    watch, first, second = Watch(), "late_money: A", "late_money: B"
    watch.tills(40 * MINUTE, CAJA01=but(problems=(first, "3 tickets wait")))
    watch.tills(40 * MINUTE, CAJA01=but(problems=(first, second, "4 tickets wait")))
    about = [[sign.about for sign in begun] for _, begun, _ in watch.told]
    assert about == [["", first], [second]]


def test_paper_that_is_nearly_used_up_is_nothing_to_tell():
    assert signs_of(View({"CAJA01": but(printer="low")}, version="1.0"), (), date.today()) == {}


# --- the shop's hours, and the night ----------------------------------------------------------------------------------


def test_a_till_that_is_switched_off_at_night_and_comes_in_the_morning_is_not_told():
    watch = Watch(datetime(2026, 3, 2, 21, 0, tzinfo=UTC))
    watch.tills(12 * 60 * MINUTE + 5 * MINUTE, CAJA01=GONE)
    watch.tills(60 * MINUTE, CAJA01=GOOD)
    assert [begun for _, begun, _ in watch.told] == [[]], "only the digest came"


def test_a_till_that_does_not_come_in_the_morning_is_told_ten_minutes_after_the_opening():
    watch = Watch(datetime(2026, 3, 2, 21, 0, tzinfo=UTC))
    watch.tills(14 * 60 * MINUTE, CAJA01=GONE)
    assert [message.begun[0].sign for _, message in watch.heard if message.begun] == [DARK]
    watch = Watch(datetime(2026, 3, 2, 21, 0, tzinfo=UTC))
    watch.tills(12 * 60 * MINUTE + 9 * MINUTE, CAJA01=GONE)
    assert not any(message.begun for _, message in watch.heard)


def test_a_till_that_was_told_to_be_dark_is_not_over_because_the_shop_closes():
    watch = Watch(datetime(2026, 3, 2, 20, 30, tzinfo=UTC))
    watch.tills(24 * 60 * MINUTE, CAJA01=GONE)
    assert [(begun, over) for _, begun, over in watch.told] == [([DARK], []), ([], [])]
    assert [alert.sign for alert in watch.heard[1][1].still] == [DARK], "the digest says that it goes on"


@pytest.mark.parametrize("cause", [cause for cause in CASES if cause is not Cause.DARK])
def test_at_night_in_a_closed_shop_everything_waits_for_the_morning(cause):
    status, about, _ = CASES[cause]
    watch = Watch(NIGHT)
    watch.tills(8 * 60 * MINUTE, CAJA01=status)
    assert watch.told == []
    watch.tills(60 * MINUTE, CAJA01=status)
    assert watch.told == [("mail", [Sign("CAJA01", cause, about)], [])]
    assert watch.heard[0][1].morning == date(2026, 3, 3)


@pytest.mark.parametrize("cause", [cause for cause in CASES if cause in CAN_WAIT])
def test_an_update_and_a_sound_wake_nobody_even_in_an_open_bar(cause):
    watch = Watch(NIGHT, BAR)
    watch.tills(8 * 60 * MINUTE, CAJA01=CASES[cause][0])
    assert watch.told == []
    watch.tills(60 * MINUTE, CAJA01=CASES[cause][0])
    assert watch.told == [("mail", [Sign("CAJA01", cause)], [])]


@pytest.mark.parametrize("cause", [cause for cause in CASES if cause not in CAN_WAIT])
def test_at_night_in_an_open_bar_what_cannot_wait_is_told_and_its_end_waits(cause):
    status, about, _ = CASES[cause]
    sign, watch = Sign("CAJA01", cause, about), Watch(NIGHT, BAR)
    watch.tills(60 * MINUTE, CAJA01=status)
    assert watch.told == [("mail", [sign], [])]
    watch.tills(120 * MINUTE, CAJA01=GOOD)
    assert watch.told == [("mail", [sign], [])]
    watch.tills(7 * 60 * MINUTE, CAJA01=GOOD)
    assert watch.told[1:] == [("mail", [], [sign])]


def test_a_version_and_a_token_wake_nobody_even_in_an_open_bar():
    watch = Watch(NIGHT, BAR)
    token = (TokenEnd("CAJA01", date(2026, 3, 3)),)
    watch.see(4 * 24 * 60 * MINUTE, token, statuses={"CAJA01": but(version="0.9")}, version="1.0")
    hours = [message.morning for _, message in watch.heard if message.begun]
    assert len(hours) == 2
    assert None not in hours, "they come with the digest"


def test_what_began_and_ended_in_the_night_is_not_told():
    watch = Watch(NIGHT)
    watch.tills(120 * MINUTE, CAJA01=but(printer="no_paper"))
    watch.tills(10 * 60 * MINUTE, CAJA01=GOOD)
    assert watch.told == [("mail", [], [])]


# --- the digest -------------------------------------------------------------------------------------------------------


def test_each_morning_has_one_digest_also_if_all_is_well():
    watch = Watch(NIGHT)
    watch.tills(5 * 24 * 60 * MINUTE, CAJA01=GOOD, CAJA02=GOOD)
    assert [message.morning for _, message in watch.heard] == [date(2026, 3, day) for day in range(3, 8)]
    assert {(message.tills, message.ready) for _, message in watch.heard} == {(2, 2)}


def test_a_watch_that_was_down_in_the_morning_brings_the_digest_later():
    watch = Watch(NIGHT)
    watch.now = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
    watch.tills(CAJA01=GOOD)
    assert [message.morning for _, message in watch.heard] == [date(2026, 3, 3)]


# --- channels that are down, and the memory ---------------------------------------------------------------------------


def test_a_channel_that_is_down_is_owed_its_news_and_the_others_hear_nothing_twice():
    watch = Watch(channels=("mail", "hook"))
    watch.down = {"hook"}
    watch.tills(60 * MINUTE, CAJA01=GONE)
    watch.down = set()
    watch.tills(60 * MINUTE, CAJA01=GONE)
    assert watch.told == [("mail", [DARK], []), ("hook", [DARK], [])]
    watch.tills(60 * MINUTE, CAJA01=GOOD)
    assert watch.told[2:] == [("mail", [], [DARK]), ("hook", [], [DARK])]


def test_a_channel_that_never_heard_of_it_hears_no_end_of_it():
    watch = Watch(channels=("mail", "hook"))
    watch.down = {"hook"}
    watch.tills(60 * MINUTE, CAJA01=GONE)
    watch.tills(60 * MINUTE, CAJA01=GOOD)
    watch.down = set()
    watch.tills(60 * MINUTE, CAJA01=GOOD)
    assert [told for told in watch.told if told[0] == "hook"] == []


def test_all_is_remembered_over_a_restart_at_any_moment(tmp_path):
    memory, watch = Memory(tmp_path / "memory.json"), Watch()
    for status in (GONE, CASES[Cause.ATTENTION][0], GOOD):
        for _ in range(50):
            watch.tills(MINUTE, CAJA01=status)
            memory.save(watch.ledger)
            assert memory.load() == watch.ledger
            watch.ledger = memory.load()
    attention = Sign("CAJA01", Cause.ATTENTION, NAMED)
    assert [(begun, over) for _, begun, over in watch.told] == [
        ([DARK], []), ([], [DARK]), ([attention], []), ([], [attention]),
    ]  # fmt: skip


@pytest.mark.parametrize(("ready", "said"), [(2, "Nothing needs a check."), (1, "Nothing has lasted long enough")])
def test_a_summary_doesnt_say_of_tills_that_are_not_ready_that_all_is_well(ready, said):
    message = Message((), (), (), NOON.date(), tills=2, ready=ready)
    assert letter_of(message, WORDS["en"], NOON, UTC).text.splitlines()[-1].startswith(said)


def test_what_may_be_out_already_is_sent_again_and_marked():
    watch = Watch()
    watch.down = {"mail"}
    watch.tills(60 * MINUTE, CAJA01=GONE)
    watch.ledger = watch.ledger.sending("mail")  # and here the process was killed
    message = watch.ledger.owed("mail", View({"CAJA01": GONE}), watch.rules, watch.now)
    assert message is not None
    assert message.again
    for words in WORDS.values():
        assert letter_of(message, words, watch.now, UTC).text.startswith(words.again)
    watch.ledger = watch.ledger.failed("mail")
    owed = watch.ledger.owed("mail", View({"CAJA01": GONE}), watch.rules, watch.now)
    assert owed is not None
    assert not owed.again, "an attempt that failed is no repetition"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"v":2}', b'{"v":1,"alerts":[{}],"channels":{}}', b"\xff"])
def test_a_damaged_memory_is_no_reason_to_be_silent(tmp_path, damage, caplog):
    (tmp_path / "memory.json").write_bytes(damage)
    assert Memory(tmp_path / "memory.json").load() == Ledger()
    assert "may be told again" in caplog.text


# --- words ------------------------------------------------------------------------------------------------------------


def heard_of(status: Status) -> Message:
    watch = Watch()
    watch.tills(60 * MINUTE, CAJA01=status)
    return watch.heard[0][1]


def test_a_message_says_which_till_what_is_wrong_since_when_and_what_to_do():
    letter = letter_of(heard_of(CASES[Cause.PRINTER][0]), WORDS["es"], NOON, UTC)
    assert letter.title == "till-edge: CAJA01: no imprime"
    assert letter.text == "Nuevo:\n- CAJA01: No puede imprimir: no hay papel. (desde las 12:00)"
    letter = letter_of(heard_of(GONE), WORDS["en"], NOON + timedelta(days=1), UTC)
    assert letter.text.endswith("Check its plug and its network. (since 2 Mar 12:00)")


@pytest.mark.parametrize("language", WORDS)
def test_every_cause_has_its_words_in_each_language_and_they_differ(language):
    words = WORDS[language]
    assert set(words.short) == set(words.long) == set(Cause)
    printers = {"no_paper", "cover_open", "error", "no_answer", "gone"}
    assert set(words.printer) == printers
    for other in WORDS.values():
        if other is not words:
            assert not set(words.long.values()) & set(other.long.values())


def test_a_digest_says_how_many_tills_are_ready_and_what_goes_on():
    watch = Watch(NIGHT)
    watch.now = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    watch.tills(CAJA01=GOOD, CAJA02=GOOD)
    letter = letter_of(watch.heard[0][1], WORDS["pt"], watch.now, UTC)
    assert letter.title == "till-edge: Resumo de 03/03"
    assert letter.text == "Caixas prontos: 2 de 2.\n\nNão há nada para verificar."


def test_hundreds_of_news_are_cut_for_a_phone():
    watch = Watch()
    watch.see(60 * MINUTE, statuses={f"CAJA{number:03}": GONE for number in range(300)}, version="1.0")
    [(_, message)] = watch.heard
    letter = letter_of(message, WORDS["en"], watch.now, UTC)
    assert letter.title == "till-edge: 300 alerts"
    assert len(letter.text.splitlines()) == 41
    assert letter.text.endswith("and 262 more: till-relay fleet")


@pytest.mark.parametrize("password", ["p@ss", "pa#ss", "pa/ss", "pa:ss", "pa%ss", "pa#s@s"])
def test_a_password_with_a_sign_that_an_address_cannot_have_is_told_with_how_it_is_written(tmp_path, password):
    channels = tmp_path / "channels"
    channels.write_text(f"mailto://user:{password}@mail.example.net?to=me@example.net\n")
    with pytest.raises(ConfigError, match=r"channels:1: the user or the password has a sign .* %40 for @, %3A") as told:
        open_channels(channels)
    assert password not in str(told.value)
    channels.write_text(f"mailto://user:{quote(password, safe='')}@mail.example.net?to=me@example.net\n")
    assert len(open_channels(channels)) == 1
