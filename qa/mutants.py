"""Deliberate bugs in the core, and whether explorer and stories catch them. `make mutants` prints the table."""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
STORIES = ("tests/core", "tests/journal")
EXPLORE = "from explorer import *\nfor shop in SHOPS.values(): Explorer(Limits(1, shop), 2500).walk()"


LONGEST = 300
"""Seconds; unharmed code takes a tenth of it."""


@dataclass(frozen=True)
class Mutant:
    """One bug: `old` in a file of edge/ becomes `new`."""

    what: str
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant("opened counts as paid", "order.py", 'if order.status != "closed"', 'if order.status == "expired"'),
    Mutant("a cent short is enough", "order.py", "order.received < order.total", "order.received + 1 < order.total"),
    Mutant("rejected payments count", "order.py", 'return self.status == "approved"', "return True"),
    Mutant("refunds are not taken off", "order.py", "self.amount - self.refunded", "self.amount"),
    Mutant("any collector will do", "order.py", "if order.collector_id != account.user_id:", "if False:"),
    Mutant("any till will do", "order.py", "if account.pos_id in named:", "if True:"),
    Mutant("a second paid order prints too", "sale.py", "    if order.reading is not None:\n        till = till.put(replace(order, also", "    if False:\n        till = till.put(replace(order, also"),
    Mutant("begun is not noted", "life.py", "{Move.BEGUN: Stage.PRINTING, ", "{Move.BEGUN: Stage.PAID, "),
    Mutant("after a power cut no mark", "till.py", "till = till.put(order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY))", "till = till.put(order.moved(Move.INTERRUPTED))"),
    Mutant("after a cut-off ticket no mark", "printing.py", "order = order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)", "order = order.moved(Move.INTERRUPTED)"),
    Mutant("a refused ticket is dropped", "life.py", "Move.REFUSED: Stage.PAID", "Move.REFUSED: Stage.UNCONFIRMED"),
    Mutant("unproved is called printed", "life.py", "Move.UNPROVED: Stage.UNCONFIRMED", "Move.UNPROVED: Stage.PRINTED"),
    Mutant("no sweep", "links.py", "return till.owe(sweep(till), now) if till.pos_id else till", "return till"),
    Mutant("the sweep runs once", "till.py", "return sweep_again(_forget(till, swept.until), now)", "return _forget(till, swept.until)"),
    Mutant("an unanswered question is dropped", "till.py", "return replace(till, api=api).schedule(duty, replace(due, at=max(due.at, api.retry_at + back_off(0))))", "return replace(till, api=api).drop(duty)"),
    Mutant("not found is final", "till.py", "if due.missed < NOT_FOUND_TRIES or ", "if "),
    Mutant("an order that left is forgotten", "till.py", "till = till.schedule(duties.Search(left.reference), Due(now, now))", "till = till.drop(duties.Search(left.reference))"),
    Mutant("a cancel that was deleted is not read", "till.py", "    till = sale.read_all(till, tried.orders, now)\n    order = till.orders.get(tried.reference)", "    order = till.orders.get(tried.reference)"),
    Mutant("absent is called cancelled at once", "till.py", "case events.Removal.ABSENT if due.missed and now - due.since >= SETTLE:", "case events.Removal.ABSENT:"),
    Mutant("locked is called cancelled", "till.py", "case events.Removal.LOCKED:\n            return _kept(till, order, \"being_paid\", now)", "case events.Removal.LOCKED:\n            return _cancelled(till, order, now)"),
    Mutant("a full disk, but print", "printing.py", " and not till.journal_why", ""),
    Mutant("a backlog is a storm", "printing.py", "(owed := _list(till) or _ticket", "(owed := _ticket"),
    Mutant("what is listed is never printed", "till.py", "return look_again(call_for_listed(replace(till, notices=frozenset())), now)", "return look_again(replace(till, notices=frozenset()), now)"),
    Mutant("what was called for is listed again", "printing.py", " and not order.called_for]", "]"),
    Mutant("a list that broke off counts", "printing.py", "    if isinstance(end, events.TicketInterrupted | events.TicketRefused):\n        return _rest(not_told(till, slip), end.paper, now)\n    for", "    for"),
    Mutant("a new journal claims to know all", "sale.py", "NEVER < reading.first_paid_at < till.known_since", "False"),
    Mutant("a new journal prints before it swept", "till.py", "    if till.known_since is None:  # without", "    if False:  # without"),
    Mutant("what was forgotten is taken for new", "till.py", "known_since = max(till.known_since or horizon, horizon, *paid)", "known_since = till.known_since"),
    Mutant("all is forgotten at once", "till.py", "order.filed_at < horizon]", "order.filed_at > horizon]"),
    Mutant("a flood is looked up without pause", "till.py", "return not _was_rung(duty) or till.lookups - now < PATIENCE", "return True"),
    Mutant("a flood fills the memory", "till.py", ">= MOST_DOORBELLS:", ">= 10**9:"),
    Mutant("a flood is not swept behind", "till.py", "return till.owe(sweep(till), max(now, till.swept_at + SWEEP_PAUSE)) if till.pos_id else till", "return till"),
    Mutant("rumours go before our own questions", "till.py", "return 3 if _was_rung(duty) and not _is_for_a_ticket(till, duty) else 2", "return 2"),
    Mutant("a damaged journal is believed", "journal.py", '"known_since": "",', '"known_since": memory.get("known_since", ""),'),
    Mutant("missing commits go unnoticed", "journal.py", "if journal.commits < note.commits:", "if False:"),
    Mutant("old readings are printed", "printing.py", " and not is_old(till, order, now)]", "]"),
    Mutant("old readings are never read again", "printing.py", "        if is_old(till, order, now) and duty not in till.agenda:", "        if False:"),
    Mutant("a start counts as having asked", "printing.py", "till.confirmed.get(order.paid_by[0], float(\"-inf\"))", "till.confirmed.get(order.paid_by[0], now)"),
    Mutant("what reads as unpaid is printed all the same", "sale.py", "        till = replace(till, confirmed=without(till.confirmed, reading.id))\n    return _take", "        till = _confirm(till, order.reference, reading, now)\n    return _take"),
    Mutant("what is in doubt is asked without pause", "till.py", "_ask_again(till, duty, due, now) if sale.in_doubt(till, reading.id, now) else till", "till"),
    Mutant("what is gone is given up", "till.py", " or (isinstance(duty, duties.Verify) and sale.in_doubt(till, duty.id, now))", ""),
    Mutant("a copy waits for money that went back", "printing.py", "not order.copy_wanted and now -", "now -"),
    Mutant("nobody may decide", "printing.py", "            return replace(till, confirmed=remember(till.confirmed, order.reading.id, ALL_THE_SAME))", "            return till"),
    Mutant("another till's money will do where we saw the order", "order.py", "    if named:\n        return Verdict.ANOTHER_TILL\n", ""),
    Mutant("seen here is paid here", "order.py", "    if account.pos_id in named:", "    if on_our_till or account.pos_id in named:"),
    Mutant("a riddle that is solved stays one", "sale.py", "notices = till.notices - {", "notices = till.notices | till.notices - {"),
    Mutant("one question that fails stops all others", "till.py", "api.retry_at + back_off(0)", "now"),
    Mutant("a finger at the wrong moment ends the daemon", "till.py", "till.schedule(duty, replace(due, rung_again=False)) if due else till", "till.schedule(duty, replace(till.agenda[duty], rung_again=False))"),
    Mutant("a ticket in doubt waits behind all", "till.py", " and not _is_for_a_ticket(till, duty)", ""),
    Mutant("a hold without end", "till.py", " and due.tries < ODD_TRIES:", ":"),
    Mutant("money elsewhere keeps an order here", "till.py", " and not elsewhere", ""),
    Mutant("two phones are one", "sale.py", "if not reading.paid_twice or till", "if True or till"),
    Mutant("two phones are said at each reading", "sale.py", " or till.rejections.get(reading.id) == PAID_TWICE", ""),
    Mutant("a hold doesn't wait for the place", "till.py", "if any(reading.id in till.unplaced for reading in tried.orders) and", "if False and"),
    Mutant("a held button dies with the power", "till.py", "                till = till.owe(duties.Cancel(order.reference), now)\n            case Stage.PRINTING", "                pass\n            case Stage.PRINTING"),
    Mutant("late money is not marked", "sale.py", "late = order.stage in FINISHED and order.on_our_till", "late = False"),
    Mutant("money after a cancel is refused", "life.py", "Stage.CANCELLED: {Move.PAID: Stage.PAID, Move.SEEN", "Stage.CANCELLED: {Move.SEEN"),
    Mutant("a doorbell that comes meanwhile is lost", "till.py", "return till.schedule(duty, Due(now, now, for_all=due.for_all)) if due.rung_again else till", "return till"),
    Mutant("the journal forgets doorbells", "journal.py", "agenda={duty: Due(now, now) for duty in self._doorbells()}", "agenda={}"),
    Mutant("the journal forgets banners", "rows.py", "banners=tuple(duties.Banner(banner) for banner in json.loads(row[\"banners\"]))", "banners=()"),
    Mutant("a stuck button is a press", "button.py", "down_at=now, spent=down, stuck=down)", "down_at=now, spent=False, stuck=down)"),
    Mutant("an old reading is judged", "sale.py", "    orders = {reading.id for reading in waiting_for(till, payment.id)}\n", "    orders = {reading.id for reading in waiting_for(till, payment.id)}\n    return read_all(till, waiting_for(till, payment.id), 0.0)\n"),
    Mutant("a hold means what is there now", "till.py", "    order = till.orders.get(till.pointed_at)\n", "    order = till.orders.get(till.loaded or '')\n"),
    Mutant("a refund before the ticket is ignored", "sale.py", "return _take_back(till, order, reading, found) if found.rejected else till", "return till"),
    Mutant("a spike is a press", "button.py", "BOUNCE_SECONDS = 0.03", "BOUNCE_SECONDS = 0.0"),
    Mutant("no paper, but print", "messages.py", "return self in (Paper.READY, Paper.LOW, Paper.UNKNOWN)", "return True"),
    Mutant("one trouble stops all questions for ever", "till.py", "till = replace(till, api=Api()).drop(duty)", "till = till.drop(duty)"),
    Mutant("a sum is rounded", "order.py", "Context(prec=100)", "Context(prec=28)"),
    Mutant("an order over nothing is paid", "order.py", "order.total <= 0 or ", ""),
    Mutant("an order filed under two names prints twice", "sale.py", "if reading.id in order.paid_by), None) or", "if False), None) or"),
    Mutant("a cancel of long ago dates the sale", "sale.py", ", on_our_till=True, filed_at=None)", ", on_our_till=True)"),
    Mutant("the wrong one of two payments is taken back", "sale.py", " or reading.id != order.reading.id:", ":"),
    Mutant("what lacks commits is not doubted", "till.py", "if order.reading and till.known_since is None:", "if False:"),
    Mutant("nothing is looked for further back", "links.py", "now - far_at < FAR_EVERY", "True"),
    Mutant("looking back knows no beginning", "links.py", "max(till.swept_until - FAR, till.known_since - SWEEP_OVERLAP)", "till.swept_until - FAR"),
    Mutant("money that was seen waits in line", "till.py", "if till.agenda[duty].at == FIRST:", "if False:"),
    Mutant("what was listed is not read again", "printing.py", "    till = replace(till, confirmed=without(till.confirmed, order.reading.id))\n", ""),
    Mutant("cancelled, though the money is there", "till.py", "    if any(_may_be_ours(till, reading) for reading in tried.orders):", "    if False:"),
    Mutant("a long sweep is over after its first piece", "till.py", "    if swept.reached:", "    if False:"),
    Mutant("another till's news is our rejection", "till.py", "if due.for_all and not _concerns(till, reading):", "if False:"),
    Mutant("a deaf till trusts its doorbells", "state.py", " or self.deaf", ""),
    Mutant("support prints a first ticket", "support.py", "if order.stage not in (Stage.PRINTED, Stage.UNCONFIRMED):", "if False:"),
    Mutant("a printer that breaks at each ticket is waited for", "signals.py", " or breaks_each(till)", ""),
    Mutant("a failure is told before a ticket", "printing.py", "    if ready and not till.journal_why and (owed", "    if ready and printer.failures < BREAKS and (failure := failure_duty(till, now)):\n        return failure\n    if ready and not till.journal_why and (owed"),
    Mutant("a failure is told by a printer that can't print", "printing.py", "    if ready and printer.failures < BREAKS", "    if printer.failures < BREAKS"),
    Mutant("a failure is fed the whole roll", "printing.py", "    if ready and printer.failures < BREAKS", "    if ready"),
    Mutant("a failure is told again and again", "printing.py", "            return begin_to_tell(till, slip, now)", "            return till"),
    Mutant("a failure is told each hour", "failures.py", "return lasted and told < since and", "return lasted and"),
    Mutant("a failure is told each time it begins", "failures.py", " and now - told >= HOUR", ""),
    Mutant("a blip is told", "failures.py", "return lasted and", "return"),
    Mutant("what was only asked long ago is told", "failures.py", "until = till.api.failed_at if cause in ASKED else now", "until = now"),
    Mutant("a failure that broke off counts as told", "failures.py", "return replace(till, told=without(till.told, slip.cause)) if isinstance(slip, duties.PrintFailure) else till", "return till"),
    Mutant("a full disk, but tell of each failure", "failures.py", "    if till.journal_why and cause is not duties.Cause.NO_MEMORY:\n        return False\n", ""),
    Mutant("what was told is not remembered", "rows.py", "    yield from _told_changes(before, after)\n", ""),
    Mutant("what was not told is remembered", "rows.py", "    for cause in before.told.keys() - after.told.keys():\n        yield DROP_TOLD, [cause.value]\n", ""),
    Mutant("what was told counts from the start", "rows.py", "max(0, unixepoch() - value)", "0"),
    Mutant("a clock set back tells a failure again", "rows.py", "max(0, unixepoch() - value)", "abs(unixepoch() - value)"),
    Mutant("a date of yesterday on a slip", "failures.py", 'till.date(now) if till.swept_at > float("-inf") else None', "till.date(now)"),
    Mutant("a far broker proves nothing", "failures.py", "online = till.settings.broker_far and till.broker_up", "online = False"),
    Mutant("a near broker proves the internet", "failures.py", "online = till.settings.broker_far and till.broker_up", "online = till.broker_up"),
    Mutant("an unknown till is a refused token", "till.py", "now + REFUSED_EVERY, missed=due.missed + 1)", "now + REFUSED_EVERY)"),
    Mutant("an unknown till is a refused token too", "failures.py", "case events.Trouble.REFUSED if till.api.why != NO_POS:", "case events.Trouble.REFUSED:"),
    Mutant("who presses is told nothing", "till.py", "    till = replace(till, failing={})\n", ""),
    Mutant("a failure that is over is told", "failures.py", "return replace(till, failing=failing) if failing", "return replace(till, failing={**till.failing, **failing}) if failing"),
    Mutant("silence lights up as paid", "printing.py", "            else:\n                till = replace(till, ticket_at=now)", "            till = replace(till, ticket_at=now)"),
)  # fmt: skip


UNHARMED = Mutant("nothing", "till.py", "def learn(", "def learn(")
DEAD = Mutant("everything", "till.py", "def learn(", "raise SystemExit(1)\n\n\ndef learn(")
"""Controls: the first must be caught by nobody and the second by both, or nothing that follows means anything."""


def caught_by(mutant: Mutant) -> list[str]:
    """Which of the two catches the bug: `stories`, `explorer`. Raises `ValueError` for one that does not apply."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "edge", copy / "edge", ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / "edge" / mutant.file
        if file.read_text().count(mutant.old) != 1:
            raise ValueError(f"{mutant.what}: does not apply to {mutant.file} any more")
        file.write_text(file.read_text().replace(mutant.old, mutant.new))
        return [name for name, command in CATCHERS.items() if _fails(command, copy)]


def _fails(command: list[str], copy: Path) -> bool:
    path = f"{copy}:{ROOT / 'tests'}"
    environment = {"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return True  # a till that never rests is caught as well
    return done.returncode != 0


# The project's own pythonpath would put the unharmed code before the copy.
PYTEST = ["-m", "pytest", "-xq", "--noconftest", "-p", "no:cacheprovider", "-o", "pythonpath="]
CATCHERS = {
    "stories": [sys.executable, *PYTEST, *(str(ROOT / "tests" / name) for name in STORIES)],
    "explorer": [sys.executable, "-c", EXPLORE],
}


def main() -> int:
    """Try all; the exit code says whether all were caught."""
    if caught_by(UNHARMED) or len(caught_by(DEAD)) < len(CATCHERS):
        print("the controls fail: the copy is not what is tested")
        return 1
    results = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, catchers in zip(MUTANTS, pool.map(caught_by, MUTANTS), strict=True):
            print(f"{mutant.what:50} {' and '.join(catchers) or 'NOBODY'}", flush=True)
            results.append(catchers)
    caught = sum(map(bool, results))
    both = sum(len(catchers) == len(CATCHERS) for catchers in results)
    print(f"{len(MUTANTS)} deliberate bugs, {caught} caught, {both} of them by the explorer too")
    return 0 if caught == len(MUTANTS) else 1


if __name__ == "__main__":
    sys.exit(main())
