"""The deliberate bugs that `qa.mutants` tries, by the function that each one breaks.

An address is a file of edge/ and a function, a method (`Class.method`) or a constant in it. A bug is its name, a
fragment that is there exactly once, and what takes its place. How the fragment is broken into lines doesn't matter.
`python -m qa.mutants --list-broken` lists the bugs that don't apply any more.
"""

BUGS: dict[str, tuple[tuple[str, str, str], ...]] = {
    # --- is it paid? -------------------------------------------------------------------------------------------------
    "core/order.py:money": (
        ("opened counts as paid", 'order.status != "closed"', 'order.status == "expired"'),
        ("a cent short is enough", "order.received < order.total", "order.received + 1 < order.total"),
        ("any collector will do", "order.collector_id != account.user_id", "False"),
        ("an order over nothing is paid", "order.total <= 0 or", ""),
    ),
    "core/order.py:verdict": (
        ("any till will do", "account.pos_id in named", "True"),
        ("seen here is paid here", "account.pos_id in named", "on_our_till or account.pos_id in named"),
        ("another till's money will do where we saw the order", "if named:", "if False:"),
    ),
    "core/order.py:Payment.approved": (("rejected payments count", 'self.status == "approved"', "True"),),
    "core/order.py:Payment.left": (("refunds are not taken off", "- self.refunded", ""),),
    "core/order.py:EXACT": (("a sum is rounded", "prec=100", "prec=28"),),
    # --- what a reading teaches --------------------------------------------------------------------------------------
    "core/evidence.py:told_of": (
        ("an order filed under two names prints twice", "if reading.id in order.paid_by", "if False"),
    ),
    "core/evidence.py:_pay": (
        ("a second paid order prints too", "order.reading is not None", "False"),
        ("a new journal claims to know all", "NEVER < reading.first_paid_at < till.known_since", "False"),
        ("a riddle that is solved stays one", "till.notices - {", "till.notices | till.notices - {"),
        ("late money is not marked", "order.stage in FINISHED and order.on_our_till", "False"),
        ("a cancel of long ago dates the sale", ", filed_at=None", ""),
    ),
    "core/evidence.py:_read_paid": (
        (
            "what reads as unpaid is printed all the same",
            "replace(till, confirmed=without(till.confirmed, reading.id))",
            "_confirm(till, order.reference, reading, now)",
        ),
        (
            "a refund before the ticket is ignored",
            "_take_back(till, order, reading, found) if found.rejected else till",
            "till",
        ),
    ),
    "core/evidence.py:_confirm": (
        ("two phones are one", "not reading.paid_twice", "True"),
        ("two phones are said at each reading", "or till.rejections.get(reading.id) == PAID_TWICE", ""),
    ),
    "core/evidence.py:_take_back": (
        ("the wrong one of two payments is taken back", "or reading.id != order.reading.id", ""),
    ),
    "core/evidence.py:place": (
        (
            "an old reading is judged",
            "orders = {reading.id for reading in waiting_for(till, payment.id)}",
            "return read_all(till, waiting_for(till, payment.id), 0.0)",
        ),
    ),
    # --- the life of an order ----------------------------------------------------------------------------------------
    "core/lifecycle.py:LIFE": (
        ("begun is not noted", "Move.BEGUN: Stage.PRINTING", "Move.BEGUN: Stage.PAID"),
        ("a refused ticket is dropped", "Move.REFUSED: Stage.PAID", "Move.REFUSED: Stage.UNCONFIRMED"),
        ("unproved is called printed", "Move.UNPROVED: Stage.UNCONFIRMED", "Move.UNPROVED: Stage.PRINTED"),
        (
            "money after a cancel is refused",
            "Stage.CANCELLED: {Move.PAID: Stage.PAID, ",
            "Stage.CANCELLED: {",
        ),
    ),
    # --- what is asked of Mercado Pago -------------------------------------------------------------------------------
    "core/till.py:_start": (
        (
            "after a power cut no mark",
            "order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)",
            "order.moved(Move.INTERRUPTED)",
        ),
        ("what lacks commits is not doubted", "order.reading and till.known_since is None", "False"),
        ("a held button dies with the power", "till = till.owe(duties.Cancel(order.reference), now)", "pass"),
    ),
    "core/till.py:_may_ask": (
        ("a new journal prints before it swept", "till.known_since is None", "False"),
        ("a flood is looked up without pause", "till.lookups - now < PATIENCE", "True"),
    ),
    "core/till.py:_rank": (
        ("rumours go before our own questions", "return 3 if", "return 2 if"),
        ("a ticket in doubt waits behind all", "and not _is_for_a_ticket(till, duty)", ""),
        ("money that was seen waits in line", "till.agenda[duty].at == FIRST", "False"),
    ),
    "core/till.py:_ring": (
        ("a flood fills the memory", ">= MOST_DOORBELLS", ">= 10**9"),
        (
            "a flood is not swept behind",
            "till.owe(sweep(till), max(now, till.swept_at + SWEEP_PAUSE)) if till.pos_id else till",
            "till",
        ),
    ),
    "core/till.py:_ring_again": (("a doorbell that comes meanwhile is lost", "due.rung_again", "False"),),
    "core/till.py:_ask": (
        (
            "a finger at the wrong moment ends the daemon",
            "replace(due, rung_again=False)) if due else till",
            "replace(till.agenda[duty], rung_again=False))",
        ),
    ),
    "core/till.py:_take_answer": (
        ("one trouble stops all questions for ever", "replace(till, api=Api())", "till"),
        (
            "another till's news is our rejection",
            "case events.MerchantOrderRead(reading) if due.for_all and not _concerns(till, reading):",
            "case events.MerchantOrderRead(reading) if False:",
        ),
        ("what is in doubt is asked without pause", "sale.in_doubt(till, reading.id, now)", "False"),
    ),
    "core/till.py:_wait_for_api": (
        (
            "an unanswered question is dropped",
            ".schedule(duty, replace(due, at=max(due.at, api.retry_at + back_off(0))))",
            ".drop(duty)",
        ),
        ("one question that fails stops all others", "api.retry_at + back_off(0)", "now"),
    ),
    "core/till.py:_miss": (
        ("not found is final", "due.missed < NOT_FOUND_TRIES or", ""),
        (
            "what is gone is given up",
            "or (isinstance(duty, duties.Verify) and sale.in_doubt(till, duty.id, now))",
            "",
        ),
    ),
    "core/till.py:_miss_pos": (("an unknown till is a refused token", ", missed=due.missed + 1", ""),),
    "core/till.py:_see_till": (
        (
            "an order that left is forgotten",
            "till.schedule(duties.Search(left.reference), Due(now, now))",
            "till.drop(duties.Search(left.reference))",
        ),
    ),
    "core/till.py:_take_sweep": (
        (
            "the sweep runs once",
            "return sweep_again(_forget(till, swept.until), now)",
            "return _forget(till, swept.until)",
        ),
        ("a long sweep is over after its first piece", "if swept.reached:", "if False:"),
    ),
    "core/till.py:_forget": (
        ("what was forgotten is taken for new", "max(till.known_since or horizon, horizon, *paid)", "till.known_since"),
        ("all is forgotten at once", "order.filed_at < horizon", "order.filed_at > horizon"),
    ),
    "core/links.py:look_around": (("no sweep", "till.owe(sweep(till), now) if till.pos_id else till", "till"),),
    "core/links.py:sweep_again": (
        ("nothing is looked for further back", "now - far_at < FAR_EVERY", "True"),
        (
            "looking back knows no beginning",
            "max(till.swept_until - FAR, till.known_since - SWEEP_OVERLAP)",
            "till.swept_until - FAR",
        ),
    ),
    "core/state.py:Till.selling_blind": (("a deaf till trusts its doorbells", "or self.deaf", ""),),
    # --- cancelling --------------------------------------------------------------------------------------------------
    "core/till.py:_hold": (
        ("a hold means what is there now", "till.orders.get(till.pointed_at)", 'till.orders.get(till.loaded or "")'),
    ),
    "core/till.py:_take_cancel": (
        ("a cancel that was deleted is not read", "till = sale.read_all(till, tried.orders, now)", "pass"),
        ("a hold doesn't wait for the place", "any(reading.id in till.unplaced for reading in tried.orders)", "False"),
        ("a hold without end", "and due.tries < ODD_TRIES", ""),
        (
            "cancelled, though the money is there",
            "any(_may_be_ours(till, reading) for reading in tried.orders)",
            "False",
        ),
        ("absent is called cancelled at once", "if due.missed and now - due.since >= SETTLE", ""),
        (
            "locked is called cancelled",
            'case events.Removal.LOCKED: return _kept(till, order, "being_paid", now)',
            "case events.Removal.LOCKED: return _cancelled(till, order, now)",
        ),
    ),
    "core/till.py:_may_be_ours": (("money elsewhere keeps an order here", "and not elsewhere", ""),),
    # --- the button --------------------------------------------------------------------------------------------------
    "core/till.py:_press": (
        (
            "what is listed is never printed",
            "call_for_listed(replace(till, notices=frozenset()))",
            "replace(till, notices=frozenset())",
        ),
        ("who presses is told nothing", "till = replace(till, failing={})", ""),
    ),
    "core/button.py:found": (("a stuck button is a press", "spent=down", "spent=False"),),
    "core/button.py:BOUNCE_SECONDS": (("a spike is a press", "0.03", "0.0"),),
    "core/remote.py:_reprint": (
        ("support prints a first ticket", "order.stage not in (Stage.PRINTED, Stage.UNCONFIRMED)", "False"),
    ),
    # --- what is owed to the printer ---------------------------------------------------------------------------------
    "core/events.py:Paper.prints": (
        ("no paper, but print", "self in (Paper.READY, Paper.LOW, Paper.UNKNOWN)", "True"),
    ),
    "core/printing.py:printer_duty": (
        ("a full disk, but print", "and not till.journal_why", ""),
        ("a backlog is a storm", "_list(till) or", ""),
        (
            "a failure is told before a ticket",
            "if ready and not till.journal_why",
            "if ready and printer.failures < BREAKS and (failure := failure_duty(till, now)):\n"
            "        return failure\n"
            "    if ready and not till.journal_why",
        ),
        ("a failure is told by a printer that can't print", "ready and printer.failures", "printer.failures"),
        ("a failure is fed the whole roll", "and printer.failures < BREAKS", ""),
    ),
    "core/printing.py:_list": (("what was called for is listed again", "and not order.called_for", ""),),
    "core/printing.py:_ticket": (("old readings are printed", "and not is_old(till, order, now)", ""),),
    "core/printing.py:is_old": (
        ("a start counts as having asked", 'float("-inf")', "now"),
        ("a copy waits for money that went back", "not order.copy_wanted and", ""),
    ),
    "core/printing.py:read_old_again": (("old readings are never read again", "is_old(till, order, now)", "False"),),
    "core/printing.py:_call_for": (
        (
            "what was listed is not read again",
            "till = replace(till, confirmed=without(till.confirmed, order.reading.id))",
            "",
        ),
    ),
    "core/printing.py:reprint": (
        (
            "nobody may decide",
            "replace(till, confirmed=remember(till.confirmed, order.reading.id, ALL_THE_SAME))",
            "till",
        ),
    ),
    "core/printing.py:take_printer_event": (
        ("a failure is told again and again", "begin_to_tell(till, slip, now)", "till"),
    ),
    "core/printing.py:_take_ticket": (
        (
            "after a cut-off ticket no mark",
            "order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)",
            "order.moved(Move.INTERRUPTED)",
        ),
        (
            "silence lights up as paid",
            "else: till = replace(till, ticket_at=now)",
            "till = replace(till, ticket_at=now)",
        ),
    ),
    "core/printing.py:_take_slip": (
        ("a list that broke off counts", "isinstance(end, events.TicketInterrupted | events.TicketRefused)", "False"),
    ),
    "core/status.py:signal": (("a printer that breaks at each ticket is waited for", "or breaks_each(till)", ""),),
    # --- slips that say what fails -----------------------------------------------------------------------------------
    "core/failures.py:watch": (
        ("a failure that is over is told", "failing=failing", "failing={**till.failing, **failing}"),
    ),
    "core/failures.py:failure_duty": (
        ("a date of yesterday on a slip", 'if till.swept_at > float("-inf") else None', ""),
    ),
    "core/failures.py:not_told": (
        ("a failure that broke off counts as told", "replace(till, told=without(till.told, slip.cause))", "till"),
    ),
    "core/failures.py:_to_be_told": (
        ("a failure is told each hour", "told < since and", ""),
        ("a failure is told each time it begins", "and now - told >= HOUR", ""),
        ("a blip is told", "lasted and", ""),
        ("what was only asked long ago is told", "till.api.failed_at if cause in ASKED else now", "now"),
        ("a full disk, but tell of each failure", "till.journal_why and cause is not duties.Cause.NO_MEMORY", "False"),
    ),
    "core/failures.py:_api_failure": (
        ("a far broker proves nothing", "till.settings.broker_far and till.broker_up", "False"),
        ("a near broker proves the internet", "till.settings.broker_far and", ""),
        ("an unknown till is a refused token too", "if till.api.why != NO_POS", ""),
    ),
    # --- the journal -------------------------------------------------------------------------------------------------
    "journal/store.py:Journal.doubt": (
        ("a damaged journal is believed", '"known_since": ""', '"known_since": memory.get("known_since", "")'),
    ),
    "journal/store.py:remember": (("missing commits go unnoticed", "journal.commits < note.commits", "False"),),
    "journal/store.py:Journal._load": (
        ("the journal forgets doorbells", "{duty: Due(now, now) for duty in self._doorbells()}", "{}"),
    ),
    "journal/rows.py:read_order": (
        ("the journal forgets banners", 'tuple(duties.Banner(banner) for banner in json.loads(row["banners"]))', "()"),
    ),
    "journal/rows.py:differences": (
        ("what was told is not remembered", "yield from _told_changes(before, after)", ""),
    ),
    "journal/rows.py:_told_changes": (
        ("what was not told is remembered", "before.told.keys() - after.told.keys()", "()"),
    ),
    "journal/rows.py:TOLD": (
        ("what was told counts from the start", "max(0, unixepoch() - value)", "0"),
        ("a clock set back tells a failure again", "max(0,", "abs("),
    ),
}
