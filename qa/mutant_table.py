"""The deliberate bugs that `qa.mutants` tries, by the function that each one breaks.

An address is a file of edge/ and a function, a method (`Class.method`) or a constant in it. A bug is its name, a
fragment that is there exactly once, and what takes its place. How the fragment is broken into lines doesn't matter.
`python -m qa.mutants --list-broken` lists the bugs that don't apply any more.
"""

BUGS: dict[str, tuple[tuple[str, str, str], ...]] = {
    # --- is it paid? -------------------------------------------------------------------------------------------------
    "core/order.py:money": (
        ("opened counts as paid", 'order.status != "closed"', 'order.status == "expired"'),
        (
            "a word that is ahead of its payments is believed",
            "and not any(payment.returned for payment in order.payments)",
            "",
        ),
        (
            "a partial refund is paid before its payments say so",
            "order.order_status in PARTLY_RETURNED and",
            "False and",
        ),
        ("a cent short is enough", "order.received < order.due", "order.received + 1 < order.due"),
        ("any collector will do", "order.collector_id != account.user_id", "False"),
        ("an order over nothing is paid", "order.due <= 0 or", ""),
    ),
    "core/order.py:verdict": (
        ("any till will do", "account.pos_id in named", "True"),
        ("an order that names another till will do", 'not in ("", account.external_pos_id)', "in ()"),
        ("an order that names its till is asked for its place", "or order.external_pos_id:", "or False:"),
        ("seen here is paid here", "account.pos_id in named", "on_our_till or account.pos_id in named"),
        ("another till's money will do where we saw the order", "if named:", "if False:"),
    ),
    "core/order.py:Payment.approved": (("rejected payments count", 'self.status == "approved"', "True"),),
    "core/order.py:Payment.left": (("refunds are not taken off", "- in_currency(self.refunded, self.currency)", ""),),
    "core/order.py:in_currency": (
        (
            "the noise of floats counts",
            "amount.quantize(Decimal(1).scaleb(-DECIMALS.get(currency, 2)), ROUND_HALF_UP)",
            "amount",
        ),
        ("all currencies have cents", "DECIMALS.get(currency, 2)", "2"),
    ),
    "core/order.py:EXACT": (("a sum is rounded", "prec=100", "prec=28"),),
    # --- what a reading means ----------------------------------------------------------------------------------------
    "core/orders.py:Orders.about": (
        ("an order filed under two names prints twice", "self.paid_with(reading.id) or", ""),
    ),
    "core/orders.py:_reindexed": (
        ("the index keeps what was taken back", "index = index.drop(gone)", "pass"),
        ("the index learns of no second payment", "before == after", "before"),
    ),
    "core/evidence.py:_pay": (
        ("a second paid order prints too", "order.reading is not None", "False"),
        ("a riddle that is solved stays one", "*(payment.id for payment in reading.payments)", ""),
        ("late money is not marked", "order.stage in FINISHED and order.on_our_till", "False"),
        ("a cancel of long ago dates the sale", ", first_finished_at=None", ""),
        ("who rings for money is a flood", "till.agenda.refund_lookups()", "till.agenda"),
    ),
    "core/evidence.py:_may_have_its_ticket": (
        ("a new journal claims to know all", "reading.first_paid_at < complete_since or", ""),
        (
            "a journal that began in the past is believed",
            "or till.sweeps.began_too_early(reading.first_paid_at, now)",
            "",
        ),
    ),
    "core/evidence.py:_judge_again": (
        (
            "what reads as unpaid is printed all the same",
            "replace(till, evidence=till.evidence.doubt(reading.id).contradict(reading.reference, now))",
            "_confirm(till, order.reference, reading, read_at)",
        ),
        ("an answer of before a refund confirms", "till.evidence.is_overtaken(reading, read_at)", "False"),
        (
            "a refund before the ticket is ignored",
            "_take_back(till, order, reading, found, now) if found.rejected else till",
            "till",
        ),
    ),
    "core/evidence.py:_confirm": (
        ("two phones are one", "not reading.paid_twice", "True"),
        ("two phones are said at each reading", "or reading.id in evidence.paid_twice", ""),
    ),
    "core/evidence.py:_take_back": (
        ("the wrong one of two payments is taken back", "or reading.id != order.reading.id", ""),
    ),
    "core/evidence.py:_judge_placed": (
        ("an old reading is judged", "now > each.read_at + FRESH_READING_S", "False"),
        ("what was judged is read again", "till.drop(duty) if", "till if"),
    ),
    "core/evidence.py:ask_places": (
        ("a late list keeps a customer waiting", "now < each.since + LIST_PATIENCE_S", "True"),
        ("the payment is asked beside the list", "till.agenda.lists_soon and", "False and"),
    ),
    "core/till.py:payment_duty": (
        ("a look overlaps a removal", "and Line.of(duty) in free", ""),
        ("a line in trouble gets all questions at once", "(till.api.failures and till.agenda.under_way)", "False"),
    ),
    "core/till.py:_on_till_seen": (
        (
            "an order on the till doesn't keep an answer",
            "till.questions if seen.reference else till.questions.till_is_free(now)",
            "till.questions.till_is_free(now)",
        ),
        ("a press answers a slip while a sale is being found", "and till.agenda.is_quiet(now)", ""),
        ("a look of before the press answers a slip", "asked_at >= till.questions.answered_at and", ""),
    ),
    "core/till.py:_list_beside": (("a place that an order names is asked for", "or due.or_look", ""),),
    "core/agenda.py:ApiLine.failed": (
        ("two questions that fail together are an outage", "asked_at < self.failed_at", "False"),
    ),
    "core/timer.py:_heard": (("what flapped and stays is heard late", "yield alarm_at", "pass"),),
    "core/timer.py:_shown": (("a light stays on until something happens", "yield since + SHOWN_S", "yield 0.0"),),
    "core/timer.py:_links": (("a missing echo is noted late", "yield echo.given_up_at", "pass"),),
    "core/evidence.py:Evidence.is_confirmed": (
        ("a start counts as having asked", "confirmed_at is not None and", "confirmed_at is None or"),
    ),
    "core/reconciliation.py:on_day_read": (
        ("each request of one day has its own slip", "other.day.on == slip.day.on", "False"),
        ("what names no place is in no sum of the day", ", no_place=tuple(map(_entry, stray))", ""),
        ("what names no place is counted", "not each.placed and not _paid_here(till, each)", "False"),
        ("a report calls missing what nobody asked for", "duty.rounds < MAX_ROUNDS and", "False and"),
        ("a report asks for ever", "duty.rounds < MAX_ROUNDS and", ""),
    ),
    "core/reconciliation.py:_lookups": (
        ("a report prints sales of before the till's time", "if each.approved_at >= begin", ""),
    ),
    "core/reconciliation.py:_is_decided": (
        ("a second payment is on its way", "is_extra or", ""),
        ("what is late at Mercado Pago is missing", "and reason not in MAY_PASS", ""),
    ),
    "core/reconciliation.py:_is_on_its_way": (
        ("what is young is missing", "payment.approved_at > at - YOUNG", "False"),
    ),
    "core/reconciliation.py:_young_and_unlisted": (
        ("a sale of yesterday may still be listed", "and _moment(order) > read.at - YOUNG", ""),
    ),
    "core/evidence.py:Evidence.is_stale": (
        ("a copy waits for money that went back", "order.is_reprint or", ""),
        ("nobody may decide", "or merchant_order in self.insisted", ""),
    ),
    # --- the life of an order ----------------------------------------------------------------------------------------
    "core/lifecycle.py:LIFE": (
        ("begun is not noted", "Move.BEGUN: Stage.PRINTING", "Move.BEGUN: Stage.PAID"),
        ("a refused ticket is dropped", "Move.REFUSED: Stage.PAID", "Move.REFUSED: Stage.UNCONFIRMED"),
        ("unproved is called printed", "Move.UNPROVED: Stage.UNCONFIRMED", "Move.UNPROVED: Stage.PRINTED"),
        ("money after a cancel is refused", "Stage.CANCELLED: {Move.PAID: Stage.PAID, ", "Stage.CANCELLED: {"),
    ),
    # --- what is asked of Mercado Pago -------------------------------------------------------------------------------
    "core/till.py:_resume": (
        (
            "after a power cut no mark",
            "order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)",
            "order.moved(Move.INTERRUPTED)",
        ),
        ("what lacks commits is not doubted", "order.reading and till.history.complete_since is None", "False"),
        ("a held button dies with the power", "till = till.owe(duties.Cancel(order.reference), now)", "pass"),
    ),
    "core/till.py:_may_ask": (
        ("a new journal prints before it swept", "till.history.complete_since is None", "False"),
        ("a flood is looked up without pause", "till.agenda.may_look_up(now)", "True"),
    ),
    "core/till.py:_rank": (
        ("rumours go before our own questions", "return 3", "return 2"),
        ("a ticket in doubt waits behind all", "if merchant_order in for_tickets", "if False"),
        ("money that was seen waits in line", "if due.urgent", "if False"),
    ),
    "core/doorbells.py:ring": (
        (
            "an order's doorbell leads to nothing",
            "not in events.RUNG:\n        return look_around(till, now)",
            "not in events.RUNG:\n        return till",
        ),
        ("an order's id that can't be read means nothing", "bell.kind is events.Kind.ORDER", "False"),
    ),
    "core/doorbells.py:look_up": (
        ("a flood fills the memory", ">= MAX_DOORBELLS", ">= 10**9"),
        (
            "a flood is not swept behind",
            ">= MAX_DOORBELLS:\n        return look_around(till, news.at)",
            ">= MAX_DOORBELLS:\n        return till",
        ),
    ),
    "core/till.py:_with_handle": (
        ("an order is searched for without its id", "handle=_handle(till, reference), on_till", "on_till"),
        ("what the till shows is searched for everywhere", "reference == till.cashier.loaded", "False"),
        (
            "a cancel forgets which order it means",
            "case duties.Cancel(reference):\n            return replace(duty, handle=_handle(till, reference))",
            "case duties.Cancel(reference):\n            return duty",
        ),
        ("after a restart nobody knows what is on the till", 'next(reversed(waiting), "")', '""'),
    ),
    "core/till.py:_on_payment": (
        ("money is not looked for by its reference", "if payment.reference else till", "if False else till"),
    ),
    "core/evidence.py:_orphan": (
        ("money of a sale calls a person", "till.orders.with_payment(payment.id) is not None", "False"),
        ("what another device sells can't be ignored", "if till.settings.ignore_orderless:", "if False:"),
        ("all that has no order is ignored", "if till.settings.ignore_orderless:", "if True:"),
    ),
    "core/notices.py:Notice.news": (
        ("a sale is told again when some went back", "payment.id for payment", "repr(payment) for payment"),
    ),
    "core/till.py:_feel_button": (
        ("who says no to a slip cancels an order unseen", "cashier.pointed_at is None and questions.out", "False"),
    ),
    "core/calibration.py:Calibration.next": (
        ("the rulers come round for ever", "following.candidate == MAX_RULERS", "False"),
    ),
    "core/till.py:_may_name_it": (
        ("an old sale is not looked for by its reference", "if payment.reference:", "if False:"),
        ("an old payment is asked for its order six times", "paid_at > clock - MAX_ORDER_LAG", "True"),
    ),
    "core/reconciliation.py:_is_another_devices": (
        ("a terminal's sales are differences", "till.settings.ignore_orderless and", "False and"),
    ),
    "core/evidence.py:_was_our_doing": (
        ("what we cancelled ourselves is reported twice", "(Stage.CANCELLING, Stage.CANCELLED)", "()"),
    ),
    "core/evidence.py:reject": (
        ("an end under two names is reported twice", "return till if told else", "return"),
        ("whatever was once wrong is never told again", "till.evidence.reasons.get(reference) == reason", "True"),
    ),
    "core/evidence.py:_watch": (
        ("an id that is read is not remembered", "if reading.handle:", "if False:"),
        ("an old order takes the place of a new one", "order.handle == reading.handle", "False"),
    ),
    "core/evidence.py:_concerns_a_person": (
        ("who cancels by the shop's software is called", "(reason == Verdict.CANCELLED and not payments)", "False"),
    ),
    "core/cashier.py:_cancel_what_was_meant": (
        ("a hold for an order that can't be seen is forgotten", "not seen.known and", "False and"),
        ("a hold for what was just paid calls a person", "and not _was_just_paid(till, now)", ""),
    ),
    "core/cashier.py:see_announced": (
        ("an order that is announced again is not seen", "not waits or", "True or"),
        ("an order that is not ours hides the one on the till", "and till.evidence.rejected(reading.id) is None", ""),
    ),
    "core/doorbells.py:is_about_us": (
        ("another till's order is reported here", "if reading.external_pos_id:", "if False:"),
    ),
    "core/cashier.py:announce": (
        ("what was announced is forgotten", "announced=said.reference", 'announced=""'),
        ("a flood of announcements is answered", "at = till.agenda.plan_look(now)", "at = till.agenda, now"),
    ),
    "core/cashier.py:_load": (("the id of what is on the till is forgotten", "handle=seen.handle", 'handle=""'),),
    "core/doorbells.py:ring_again": (("a doorbell that comes meanwhile is lost", "due.rung_again", "False"),),
    "core/agenda.py:Agenda.asked": (
        (
            "a finger at the wrong moment ends the daemon",
            "replace(due, rung_again=False)) if due else agenda",
            "replace(agenda.due[duty], rung_again=False))",
        ),
    ),
    "core/agenda.py:Agenda.owe": (("money that was seen is put off", "min(due.at, at)", "due.at"),),
    "core/till.py:_on_answer": (
        ("a question that was refused once is refused for ever", ", refused=None", ""),
        ("one trouble stops all questions for ever", "replace(till, api=ApiLine())", "till"),
    ),
    "core/till.py:_on_reading": (
        ("another till's news is our rejection", "not due.for_all or is_about_us(till, reading)", "True"),
        ("what is in doubt is asked without pause", "evidence.in_doubt(till, reading.id, now)", "False"),
    ),
    "core/page.py:place": (
        ("an order is put over the one that is there", "(in_the_way := _in_the_way(till)) is not None", "False"),
        ("a reference is used twice", "known.stage is not Stage.WAITING", "False"),
        ("whoever asks twice is refused", "if _is_on_its_way(till, order.reference):", "if False:"),
        ("an order that is there is put there again", "if till.cashier.loaded == order.reference:", "if False:"),
    ),
    "core/page.py:on_order_put": (("an order that was put is not watched", "see_till(till, put.seen, now)", "till"),),
    "core/page.py:on_order_not_put": (
        ("what is in the way is not looked at", "till.owe(duties.LookAtTill(), now)", "till"),
    ),
    "core/page.py:give_up_placing": (
        ("an order is put on the till however late", "till.drop(*over) if over else till", "till"),
        ("an order that may be there is not looked for", ".owe(duties.LookAtTill(), now)", ""),
        ("the page waits for ever", "Placed.NO_ANSWER", "Placed.ASKED"),
    ),
    "core/page.py:print_pairing": (
        ("a press of long ago lets a device in", "or now >= pairing.since + PAIRING_TIMEOUT_S", ""),
        ("a code comes twice", "pairing.stage is PairingStage.PRINTED", "False"),
        ("a code is printed without paper", "if not till.printer.paper.prints:", "if False:"),
    ),
    "core/agenda.py:ApiLine._pause_s": (
        ("what Mercado Pago asks us to wait is not waited", ", answer.retry_after)", ", 0)"),
        ("one odd answer rests the line", "return 0.0", "pass"),
        ("a refused token is shown again without pause", "if answer.trouble is Trouble.REFUSED", "if False"),
        ("nobody answers, and the shop waits as if it were asked to", "NETWORK_PAUSE_S if", "MAX_PAUSE_S if"),
        ("a server that can't is asked every few seconds", "else MAX_PAUSE_S", "else NETWORK_PAUSE_S"),
    ),
    "core/till.py:_on_unreachable": (
        ("429 is no reason to slow down", "if answer.too_many:", "if False:"),
        ("an unanswered question is dropped", "till.schedule(duty, replace(due,", "till.drop(duty, replace(due,"),
        ("one question that fails stops all others", "api.retry_at + back_off(0)", "now"),
        ("a question that fails keeps its rank", ", urgent=False", ""),
    ),
    "core/till.py:_on_not_found": (
        ("not found is final", "due.not_found < MAX_NOT_FOUND or", ""),
        ("what is gone is given up", "or in_doubt", ""),
    ),
    "core/till.py:_on_pos_not_found": (("an unknown till is a refused token", ", not_found=due.not_found + 1", ""),),
    "core/cashier.py:see_till": (
        (
            "an order that left is forgotten",
            "till.schedule(duties.Search(left.reference), Due(now, now))",
            "till.drop(duties.Search(left.reference))",
        ),
    ),
    "core/till.py:_on_swept": (
        (
            "an hour that leaps makes the till forget",
            "_forget(till, swept) if confirmed else till",
            "_forget(till, swept)",
        ),
        ("what has its ticket is looked up at each sweep", "till.orders.paid_with(merchant_order) is None", "True"),
        ("money of a sale is asked for at each sweep", "till.orders.with_payment(payment) is not None", "False"),
        ("what names no place is ours", "if payment in swept.unplaced else swept.pos_id", "or swept.pos_id"),
        ("the sweep runs once", "sweep_later(", "(lambda swept, _: swept)("),
        ("a long sweep is over after its first piece", "if swept.reached:", "if False:"),
    ),
    "core/sweeps.py:History.forgot_until": (
        (
            "what was forgotten is taken for new",
            "max(self.complete_since or moment, moment)",
            "self.complete_since",
        ),
    ),
    "core/orders.py:Orders.forget": (
        ("all is forgotten at once", "each.first_finished_at < horizon", "each.first_finished_at > horizon"),
    ),
    "core/links.py:look_around": (
        ("whatever flaps floods Mercado Pago", "till.agenda.plan_look(now)", "(till.agenda, now)"),
    ),
    "core/links.py:trust_broker": (
        ("a broker that hung up once is never trusted again", "till.link.holds(now)", "False"),
        ("a broker that hangs up is trusted as soon as it lets us in", "till.link.holds(now)", "till.link.broker_up"),
    ),
    "core/links.py:_on_broker_lost": (
        (
            "whoever hangs up is a twin",
            "lost.trouble is events.BrokerTrouble.TWINS",
            "lost.trouble in (events.BrokerTrouble.TWINS, events.BrokerTrouble.HANGS_UP)",
        ),
    ),
    "core/links.py:PASSING": (
        ("a broker that was away stays in trouble for a while", "events.BrokerTrouble.UNREACHABLE, ", ""),
    ),
    "core/outbox.py:Outbox.refused": (
        ("a report that is refused is lost", "last_number: self.reports[number]", ""),
        (
            "a refused report stops those behind it",
            "{**without(self.reports, number), last_number: self.reports[number]}",
            "self.reports",
        ),
        ("a broker that refuses is asked without pause", "now + REFUSED_EVERY_S", "now"),
    ),
    "core/failures.py:PATIENCE_IN_SLIPS": (
        ("a broker that hangs up is told at once", "Cause.BROKER_HANGS_UP: 5,", ""),
    ),
    "core/links.py:_look": (("no sweep", "till.owe(till.sweeps.next, at) if till.history.pos_id else till", "till"),),
    "core/links.py:look_again": (
        ("a look that is put off puts off what was due before it", "min(till.api.retry_at, at)", "at"),
    ),
    "core/budget.py:Budget.plan": (
        ("a plan is forgotten at once", "planned_at=at", "planned_at=0.0"),
        ("a flood of reasons puts off the look for ever", "if now < self.planned_at:", "if False:"),
        ("a burst may be followed by another at once", "self.spend(rate, at)", "self"),
    ),
    "core/cashier.py:Cashier.plan_look": (
        ("a shorted wire floods Mercado Pago", "self.presses.plan(PRESSES, now)", "(self.presses, now)"),
    ),
    "core/remote.py:handle_command": (
        ("commands print the whole roll", "not budget.allows(COMMANDS, now)", "False"),
        ("each command that prints has paper of its own", "command.command in PRINTING", "False"),
        ("a refused command costs as one that is done", "not after.outbox.replies[-1].done", "False"),
    ),
    "core/sweeps.py:Sweeps.plan": (
        ("nothing is looked for further back", "now < far_at + LOOK_BACK_EVERY_S", "True"),
        ("looking back knows no beginning", "max(until - LOOK_BACK, complete_since - OVERLAP)", "until - LOOK_BACK"),
    ),
    "core/till.py:_on_refused": (
        ("a cancel that is refused is asked for ever", "isinstance(duty, duties.Cancel)", "False"),
        (
            "a question that is refused is dropped",
            "till.schedule(duty, due.after_refusal(refusal, now))",
            "till.drop(duty)",
        ),
        (
            "one question that is refused rests the line",
            "api=ApiLine()",
            "api=ApiLine(refusal.trouble, refusal.why, 2, now + 60)",
        ),
        ("a payment that can't be read keeps its ticket", "till.evidence.waiting_for(duty.id)", "False"),
    ),
    "core/agenda.py:Pace.slowed": (
        (
            "a till that is told to slow down ends by not looking at all",
            "min(2 * self.factor(now), MAX_PACE)",
            "2 * self.factor(now)",
        ),
        ("a till that is told to slow down doesn't", "2 * self.factor(now)", "1.0"),
    ),
    "core/agenda.py:Agenda.refusals": (
        ("a question that is refused is refused in silence", "if due.refused", "if False"),
    ),
    "core/sweeps.py:Sweeps.done": (
        ("each sweep begins the journal anew", "self.history.complete_since or until", "until"),
        ("any leap of the clock begins the journal anew", "and self.began", ""),
        ("an hour that was wrong poisons for ever", "min(since, until)", "since"),
        ("a journal that began in the past claims to know all since", "self.leaps(until, now) and self.began", "False"),
    ),
    "core/sweeps.py:Sweeps.leaps": (("a wrong hour makes all old", "abs(until - clock) > LEAP", "False"),),
    "core/links.py:Link.must_poll": (
        ("a till without a broker trusts its doorbells", "self.broker_up and self.relay_up", "self.relay_up"),
        ("a till without a relay trusts its doorbells", "self.broker_up and self.relay_up", "self.broker_up"),
        ("a deaf till trusts its doorbells", "or self.deaf", ""),
    ),
    # --- cancelling --------------------------------------------------------------------------------------------------
    "core/cashier.py:hold": (
        ("a hold means what is there now", "reference = till.cashier.pointed_at", "reference = till.cashier.loaded"),
    ),
    "core/cashier.py:on_cancel_tried": (
        ("a cancel that was deleted is not read", "evidence.judge_all(till, tried.orders, asked_at, now)", "till"),
        ("a hold doesn't wait for the place", "_is_being_placed(till, tried.orders)", "False"),
        ("a hold without end", "and due.failures < ALARM_AFTER_FAILURES", ""),
        (
            "cancelled, though the money is there",
            "any(_may_be_ours(till, reading) for reading in tried.orders)",
            "False",
        ),
    ),
    "core/cashier.py:_on_removal": (
        ("absent is called cancelled at once", "if due.not_found and now >= due.since + SETTLE_S", ""),
        (
            "locked is called cancelled",
            'case events.Removal.LOCKED: return _kept(till, order, "being_paid", now)',
            "case events.Removal.LOCKED: return _cancelled(till, order, now)",
        ),
    ),
    "core/cashier.py:_may_be_ours": (("money elsewhere keeps an order here", "and not elsewhere", ""),),
    # --- the button --------------------------------------------------------------------------------------------------
    "core/till.py:_press": (
        ("what is listed is never printed", "call_for_listed(till)", "till"),
        ("who presses is told nothing", "till.failures.acknowledged()", "till.failures"),
    ),
    "core/cashier.py:Button.found": (("a stuck button is a press", "spent=down", "spent=False"),),
    "core/cashier.py:Button.read": (
        ("what was not read goes on", "at > self.read_at + MAX_READING_GAP_S", "False"),
        ("a press whose release was not seen is nothing", "Gesture.PRESS if self.down and not level else", ""),
        (
            "a level that is gone again was never there",
            "settled, gesture = self._settle(at)",
            "settled, gesture = self, Gesture.NONE",
        ),
        ("time holds the button", "at >= button.down_at + hold_s", "at - button.level_at >= 0"),
    ),
    "core/cashier.py:Button._settle": (("a button is never stuck later", "self.stuck or", "self.stuck and"),),
    "core/cashier.py:BOUNCE_S": (("a spike is a press", "0.03", "0.0"),),
    "core/remote.py:_reprint": (
        ("support prints a first ticket", "order.stage not in (Stage.PRINTED, Stage.UNCONFIRMED)", "False"),
    ),
    # --- the journal's file ------------------------------------------------------------------------------------------
    "journal/file.py:open_for_reading": (
        ("who reads may write", "mode=ro", "mode=rwc"),
        ("who reads leaves a log behind", '"&immutable=1"', '""'),
        ("who reads misses what was just written", '.exists() else "&', '.is_dir() else "&'),
        ("who reads takes any form", "_version(database)", "pass"),
    ),
    "journal/file.py:refuse_links": (("a link is a file", "beside.is_symlink()", "False"),),
    "journal/store.py:lock": (("a link is a lock", "| os.O_NOFOLLOW", ""),),
    # --- what is owed to the printer ---------------------------------------------------------------------------------
    "core/events.py:Paper.prints": (
        ("no paper, but print", "self in (Paper.READY, Paper.LOW, Paper.UNKNOWN)", "True"),
        ("silence is health", "Paper.UNKNOWN)", "Paper.UNKNOWN, Paper.SILENT)"),
    ),
    "core/evidence.py:_pay_again": (
        ("another sum is the same sale", "reading.due == before.due", "True"),
        ("one payment under two names is two", "reading.is_the_money_of(before)", "False"),
    ),
    "core/cashier.py:_is_another_sale": (
        ("a used reference with another sum is no news", "!= paid.due", "== 0"),
        ("a used reference is no news", "NEVER < paid.paid_at < today - LIFE_ON_TILL", "False"),
    ),
    "core/printing.py:printer_duty": (
        ("the bell is rung when a ticket is about to come", "and not till.agenda.reads_news", ""),
        ("a full disk, but print", "and not till.journal_error", ""),
        (
            "a failure is told before a ticket",
            "if ready and not till.journal_error",
            "if ready and not printer.keeps_breaking and (failure := failure_duty(till, now)):\n"
            "        return failure\n"
            "    if ready and not till.journal_error",
        ),
        ("a failure is told by a printer that can't print", "ready and printer.paper.prints and", ""),
        ("a failure is fed the whole roll", "and not printer.keeps_breaking", ""),
    ),
    "core/printing.py:_list": (
        ("a list holds everything", "late[:MAX_LISTED]", "late"),
        ("one late ticket comes as a list", "len(late) > 1", "late"),
        ("what was called for is listed again", "and not order.wanted_by_person", ""),
    ),
    "core/printing.py:_ticket": (
        ("the last paid comes first", "min(fresh", "max(fresh"),
        ("a doubted printer is not told so", "despite=not till.printer.paper.prints", "despite=False"),
        ("old readings are printed", "if not till.evidence.is_stale(order, now)", ""),
    ),
    "core/printing.py:read_stale_again": (
        ("old readings are never read again", "till.evidence.is_stale(order, now)", "False"),
        ("a whole list is read before a new sale", "readable[:READ_AHEAD]", "readable"),
        ("one that can't be read holds up the others", "not till.agenda.fails_to_read(order.paid_by[0])", "True"),
    ),
    "core/printing.py:_turn": (("a list comes before a sale of now", "order.wanted_by_person", "False"),),
    "core/printing.py:_call_for": (
        (
            "what was listed is not read again",
            "till.evidence.doubt(order.paid_by[0]).no_longer_insist(order.paid_by[0])",
            "till.evidence",
        ),
    ),
    "core/printing.py:PrinterLine.pressed": (
        ("a printer that refuses is doubted at once", "+ REFUSES_WRONGLY_AFTER_S", ""),
        ("a printer that refuses wrongly does so for ever", "if refused_long", "if False"),
    ),
    "core/printing.py:PrinterLine.seen": (
        ("a silent printer is asked without pause", "max(every_s, back_off(silences))", "every_s"),
        ("what isn't there refuses", "and paper is not events.Paper.GONE", ""),
    ),
    "core/printing.py:_owed": (
        ("a press prints all that waits", "if not till.printer.paper.prints:", "if False:"),
        ("a backlog is a storm", "_list(till) or", ""),
        ("a concern has no paper", "or _concern(till, now)", ""),
        (
            "a concern is told before a ticket",
            "_list(till) or _ticket(till, now) or _concern(till, now)",
            "_list(till) or _concern(till, now) or _ticket(till, now)",
        ),
    ),
    "core/printing.py:_begin_slip": (
        ("a failure is told again and again", "replace(till, failures=till.failures.slip_begun(cause, now))", "till"),
        (
            "a concern's slip comes twice without a mark",
            "replace(till, notices=till.notices.slip_begun(notice))",
            "till",
        ),
    ),
    "core/printing.py:_on_concern": (
        (
            "a slip in doubt is called told",
            "notices.slip_in_doubt(slip.notice) case events.TicketUnproved()",
            "notices.slip_out(slip.notice)\n        case events.TicketUnproved()",
        ),
        ("a slip is repeated for ever", "if can_prove and not slip.is_copy", "if can_prove"),
        ("a slip into the void is called told", "if can_prove and not slip.is_copy", "if False"),
        ("a refused slip is called told", "notices.slip_refused(slip.notice)", "notices.slip_out(slip.notice)"),
    ),
    "core/notices.py:observe_notices": (
        ("what is over is told", "notices.solved(notice.concern, notice.reference)", "notices"),
    ),
    "core/notices.py:_standing": (
        ("a ticket that is held back has no paper", "till.agenda.keeps_failing_to_read(order.reading.id)", "False"),
    ),
    "core/notices.py:Notices.acknowledged": (
        ("one press wipes what was never on paper", "if telling.stage is Stage.DONE", ""),
    ),
    "core/notices.py:Notices.raised": (
        (
            "the same news is told after each press",
            "self._knows(notice) and notice.concern not in NEWS_EACH_TIME",
            "False",
        ),
        ("what happens again is told once", "and notice.concern not in NEWS_EACH_TIME", ""),
    ),
    "core/notices.py:Notices.resumed": (
        ("a slip that was begun before the power cut never comes", "telling.stage is Stage.BEGUN", "False"),
    ),
    "core/notices.py:Notices.slip_due": (("what passes by itself is told", "each.patience_s", "0"),),
    "core/printing.py:_on_ticket": (
        (
            "after a cut-off ticket no mark",
            "order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)",
            "order.moved(Move.INTERRUPTED)",
        ),
    ),
    "core/printing.py:_unproved": (
        ("the first ticket needs no proof", "end.alarming or", ""),
        (
            "silence lights up as paid",
            "return till.alarm(Concern.SILENT_PRINTER, ",
            "till = till.alarm(Concern.SILENT_PRINTER, ",
        ),
        ("a swallowed ticket keeps the light of the one before it", "ticket_at=None", ""),
    ),
    "core/printing.py:_on_slip": (
        (
            "a slip that is out is printed again",
            "till.printer.without_slip(slip).succeeded(end.paper, now)",
            "till.printer.succeeded(end.paper, now)",
        ),
        ("what was called for goes back on the list", "and not order.wanted_by_person", ""),
        ("a list that broke off counts", "isinstance(end, events.TicketInterrupted | events.TicketRefused)", "False"),
        (
            "a failure that broke off counts as told",
            "replace(till, failures=till.failures.slip_failed(slip.cause))",
            "till",
        ),
    ),
    "core/status.py:signal": (
        ("a printer that breaks at each ticket is waited for", "or breaks_at_each_ticket(till)", ""),
    ),
    # --- questions about the printer, budgets, links ------------------------------------------------------------------
    "core/questions.py:Questions.unknown": (
        ("what was answered for one printer counts for another", "found.printer == self.asked.printer", "True"),
    ),
    "core/questions.py:Questions.slip_out": (
        (
            "the result is printed and asked about",
            "Questions() if slip.state.done else replace(self, out=True)",
            "replace(self, out=True)",
        ),
        ("the slip of an older question is taken for this one's", "slip.state != self.asked", "False"),
    ),
    "core/questions.py:Questions.opened": (
        ("a question may be answered before it is on paper", "quiet and self.out", "quiet"),
        ("a question may be answered while something is sold", "quiet and self.out", "self.out"),
    ),
    "core/questions.py:Questions.gestured": (
        ("a finger that came down before the slip was out answers it", "or since < self.open_since", ""),
        ("a hold says that it is right", "gesture is Gesture.PRESS", "gesture is not Gesture.NONE"),
    ),
    "core/questions.py:Questions.till_is_free": (
        ("a gesture of long ago answers", "now < self.answered_at + HOLD_COUNTS_S", "True"),
    ),
    "core/questions.py:question_duty": (
        ("a question is printed again and again", "and not till.questions.out", ""),
        ("a question comes between a sale and its ticket", "and _quiet(till)", ""),
    ),
    "core/questions.py:_quiet": (
        ("an order on the till is no sale", "till.cashier.loaded is None and", ""),
        ("a ticket under way is no sale", "not till.orders.in_stage(*SELLING)", "True"),
        ("whoever looks at a concern answers a question", "and not till.notices", ""),
    ),
    "core/calibration.py:Calibration.settled": (
        ("plain letters are asked about", "len(self.pages) - 1", "len(self.pages)"),
    ),
    "core/budget.py:Budget.allows": (
        ("a budget has no end", "self.spent_until - now <= rate.burst_s - rate.every_s", "True"),
        ("a budget is one too small", "rate.burst_s - rate.every_s", "rate.burst_s - 2 * rate.every_s"),
    ),
    "core/budget.py:Budget.spend": (
        ("what nobody spent is saved for ever", "max(self.spent_until, now)", "self.spent_until"),
    ),
    "core/budget.py:Budget.free_at": (
        ("the next one comes a step too early", "+ rate.every_s", ""),
        (
            "the next one comes in the past",
            "max(now, self.spent_until - rate.burst_s + rate.every_s)",
            "self.spent_until - rate.burst_s + rate.every_s",
        ),
    ),
    "core/agenda.py:Due.after_refusal": (
        ("a question that is refused is asked without pause", "now + REFUSED_EVERY_S", "now"),
        ("a question that is refused stays in front", "urgent=False, ", ""),
    ),
    "core/agenda.py:Pace.factor": (
        ("a till that was told to slow down stays slow", "0.5 **", "1.0 **"),
        (
            "a till looks more often than it should, in the end",
            "max(1.0, self.then * float(0.5 ** ((now - self.at) / PACE_HALVES_S)))",
            "self.then * float(0.5 ** ((now - self.at) / PACE_HALVES_S))",
        ),
    ),
    "core/links.py:sweep_later": (("sweeps don't slow down", "every_s *= till.agenda.pace.factor(now)", "pass"),),
    "core/links.py:look_later": (("looks at the till don't slow down", "* till.agenda.pace.factor(now)", ""),),
    "core/failures.py:_refused_questions": (
        ("an application that may not ask has no slip", "(Trouble.FORBIDDEN, Cause.WRONG_APPLICATION), ", ""),
        ("a till that isn't there has no slip", ", (Trouble.NO_SUCH_TILL, Cause.WRONG_TILL)", ","),
    ),
    "core/sweeps.py:Sweeps.next": (
        ("a payment that was approved later than created is missed", "until - OVERLAP if until else None", "until"),
    ),
    "core/sweeps.py:Sweeps.confirms": (
        ("the first hour after a start makes the till forget", "self.sure_clock(now) is not None and", ""),
    ),
    "core/sweeps.py:Sweeps.clock": (
        ("the clock stands still between two sweeps", "until + timedelta(seconds=now - self.swept_at)", "until"),
    ),
    "core/reconciliation.py:_paid_here": (
        ("our sale without a place is a stranger's", "order is not None and order.reading is not None", "False"),
    ),
    "core/reconciliation.py:_look_up_first": (("the list is read again at once", "now + ROUND_S", "now"),),
    "core/reconciliation.py:_of_the_day": (
        ("the next day's money counts today", "span.covers(each.approved_at) and", ""),
        ("what was given back whole counts as a sale", "and each.amount > 0", ""),
    ),
    "core/reconciliation.py:_without_money": (
        ("a refund of a part goes unsaid", "missing > 0", "payment.id not in listed"),
    ),
    "core/reconciliation.py:_waiting": (("what has its ticket waits for it", "not _has_ticket(order) and", ""),),
    "core/reconciliation.py:_has_ticket": (
        ("while a copy prints, the sale has no ticket", "or order.first_finished_at is not None", ""),
    ),
    "core/printing.py:PrinterLine.failed": (
        ("a printer that breaks is fed without pause", "now + back_off(failures)", "now"),
    ),
    "core/printing.py:PrinterLine.succeeded": (
        ("a printer that works again is still called broken", "failures=0, ", ""),
    ),
    "core/printing.py:PrinterLine.proved": (
        ("one poor proof makes us forget a better one", "if proof.better_than(self.proof) else self", ""),
    ),
    "core/printing.py:PrinterLine.keeps_breaking": (
        ("one ticket that breaks off is a broken printer", "self.failures >= MAX_BREAKS", "self.failures >= 1"),
    ),
    "core/printing.py:_may_break_the_printer": (
        (
            "one ticket that breaks the printer stops all others",
            "till.printer.keeps_breaking and duties.Banner.COPY in order.banners",
            "False",
        ),
    ),
    "core/printing.py:_waited_long": (("a ticket of a minute ago is old", "until - BACKLOG_AFTER", "until"),),
    "core/printing.py:reprint": (
        ("nobody can have what can't be confirmed", "till.evidence.insist(order.reading.id)", "till.evidence"),
        ("a copy that support wants has no mark", ".with_banner(duties.Banner.COPY)", ""),
    ),
    "core/printing.py:on_printer_event": (
        (
            "a printer that was doubted once is doubted for ever",
            "till = replace(till, printer=replace(till.printer, despite=False))",
            "pass",
        ),
    ),
    "core/printing.py:_note_latency": (("copies are measured", "or duties.Banner.COPY in order.banners", ""),),
    "core/printing.py:_ticket_out": (
        ("one insistence lasts for ever", ", evidence=till.evidence.no_longer_insist(*order.paid_by)", ""),
    ),
    "core/links.py:Link.deaf": (
        ("a relay that never spoke is called deaf", "self.relay_speaks and", ""),
        ("one lost echo makes the till poll", ">= DEAF_AFTER_MISSES", ">= 1"),
    ),
    "core/links.py:Link.relay_seen": (
        (
            "what is said of a relay is never put to the test",
            "min(self.echo.due_at, now + ECHO_TIMEOUT_S)",
            "self.echo.due_at",
        ),
        (
            "a relay that is back is believed late",
            "max(now, self.echo.given_up_at) if self.echo.missed else",
            "self.echo.due_at if True else",
        ),
        ("a relay that flaps gets a ping for each word", "max(now, self.echo.given_up_at)", "now"),
    ),
    "core/links.py:Link.ping_echoed": (
        ("any echo proves the way", "or number != self.echo.number", ""),
        ("an echo proves no relay that is said to be gone", "relay_up=True, ", ""),
        ("who rings back, and then no more, is trusted for ever", "relay_speaks=True, ", ""),
    ),
    "core/links.py:Link.ping_missed": (
        (
            "a ping that was lost waits for the next one's time",
            "now + PING_AGAIN_S",
            "now + PING_EVERY_S",
        ),
    ),
    "core/links.py:Link.connected": (
        ("an echo of the last session is awaited in this one", "sent_at=None, due_at=now", "due_at=now"),
        ("a right that was given is still said to be missing", ", missing_rights=()", ""),
    ),
    "core/links.py:Link.holds": (
        ("a session holds as soon as it begins", "now >= self.connected_at + HOLDS_AFTER_S", "True"),
    ),
    "core/links.py:on_link_event": (
        (
            "who connects doesn't look around",
            "look_around(replace(till, link=till.link.connected(now)), now)",
            "replace(till, link=till.link.connected(now))",
        ),
        ("each status of the relay is a reason to look", "online != till.link.relay_up", "True"),
        (
            "a broker that takes reports again is still said to refuse them",
            'replace(till.link, refused_reports="")',
            "till.link",
        ),
        ("what can be heard again is not asked for", "if had_to_poll and not till.link.must_poll", "if False"),
    ),
    "core/links.py:report_duty": (
        ("a report leaves without a broker", "till.link.broker_up and", ""),
        ("a broker that refused is asked at once", "and now >= till.outbox.retry_at", ""),
    ),
    # --- slips that say what fails -----------------------------------------------------------------------------------
    "core/failures.py:Failures.observe": (
        (
            "a failure that is over is told",
            "if since != self.since else self",
            "if since.keys() - self.since.keys() else self",
        ),
    ),
    "core/sweeps.py:Sweeps.sure_clock": (("a date of yesterday on a slip", "None if self.swept_at is None else", ""),),
    "core/failures.py:Failures.slip_due": (
        ("a failure is told each hour", "last < since and", ""),
        ("a failure is told each time it begins", "and now >= last + SLIP_EVERY_S", ""),
        ("a blip is told", "lasted and", ""),
    ),
    "core/failures.py:_is_due": (
        (
            "what was only asked long ago is told",
            "till.api.failed_at if cause in SEEN_ONLY_BY_ASKING else now",
            "now",
        ),
        ("a full disk, but tell of each failure", "till.journal_error and cause is not Cause.NO_MEMORY", "False"),
    ),
    "core/failures.py:_api_failure": (
        ("a far broker proves nothing", "till.settings.broker_far and till.link.broker_up", "False"),
        ("a near broker proves the internet", "till.settings.broker_far and", ""),
        ("an unknown till is a refused token too", "if till.api.error != NO_POS", ""),
    ),
    # --- what is heard -----------------------------------------------------------------------------------------------
    "core/sounds.py:Sounds.owe": (
        ("a sign is heard at each step", "self.begun.get(play.sign) == (play.at, play.reference)", "False"),
        ("of two sales within a moment one is heard", "== (play.at, play.reference)", "is not None"),
        ("the bell rings for what is over before it rings", "and play.sign in RUNG", ""),
        ("the bell rings where nobody wants it", "till.settings.rings and play.sign", "play.sign"),
    ),
    "core/sounds.py:Sounds.without": (
        ("a sound is played again", "tuple(other for other in self.owed if other != duty)", "self.owed"),
        ("the bell never ends", "if other is not rung", ""),
    ),
    "core/sounds.py:Sounds.stands": (("what lasts is heard behind each flash", "sign in PASSING or", ""),),
    "core/sounds.py:Sounds.alarm": (
        ("a line that flaps is heard all day", "or not self.alarms.get(sign, Budget()).allows(ALARMS, now)", ""),
        ("an alarm is heard again and again", "unsaid=None, alarms=spent", "alarms=spent"),
    ),
    "core/sounds.py:_lined_up": (
        ("the last of many sales is heard too late", "len(alike) < MAX_WAITING", "True"),
        ("sales that are heard as one are not counted", "alike[-1].sales + play.sales", "play.sales"),
    ),
    "core/sounds.py:_sale_first": (
        ("a sale is heard behind a hold", "play.sign is not Heard.PAID", "play.sign is Heard.PAID"),
    ),
    "core/sounds.py:sound_duty": (("a piece is made before a sale is heard", "first is None and", ""),),
    "core/sounds.py:_counts": (
        ("a sale of long ago is heard", "now < play.at + PAID_COUNTS_S", "True"),
        (
            "a hold is heard that is over",
            "till.cashier.button.being_held and till.cashier.button.down_at == play.at",
            "True",
        ),
        ("what is over is heard", "till.sounds.standing.value == play.sign.value", "True"),
    ),
    "core/sounds.py:observe_sounds": (
        ("the hours are never quiet", "if _is_quiet(till, now):", "if False:"),
        ("what lasts is heard when the quiet hours end", "sounds = replace(sounds, unsaid=None)", "pass"),
        ("nothing waits too long", "play for play in row if _counts(till, play, now)", "row"),
    ),
    "core/sounds.py:_heard_now": (("a press is heard", "and now >= button.down_at + HOLD_HEARD_AFTER_S", ""),),
    "core/sounds.py:_paid": (
        ("a copy is heard", "or duties.Banner.COPY in order.banners", ""),
        ("a ticket is heard before the light says paid", "ticket_at is None or", ""),
    ),
    "core/sounds.py:_is_quiet": (
        (
            "hours that span midnight are not quiet",
            "begin <= hour < end if begin <= end else",
            "begin <= hour < end if True else",
        ),
    ),
    "core/sounds.py:on_sound_event": (
        ("a piece that was made ends a loudspeaker's trouble", "error=error or till.sounds.error", "error=error"),
    ),
    # --- the journal -------------------------------------------------------------------------------------------------
    "journal/store.py:Journal.mark_incomplete": (
        ("a damaged journal is believed", '"known_since": ""', '"known_since": memory.get("known_since", "")'),
    ),
    "journal/store.py:_open_sound": (("missing commits go unnoticed", "journal.commits < note.commits", "False"),),
    "journal/store.py:Journal._load": (("the journal forgets doorbells", "self._doorbells()", "frozenset()"),),
    "journal/rows.py:order_from_row": (
        ("the journal forgets banners", 'tuple(duties.Banner(banner) for banner in json.loads(row["banners"]))', "()"),
    ),
    "journal/rows.py:differences": (
        (
            "what was told is not remembered",
            "yield from _slip_changes(before.last_slip_at, after.last_slip_at)",
            "",
        ),
    ),
    "journal/rows.py:_slip_changes": (("what was not told is remembered", "before.keys() - after.keys()", "()"),),
    "journal/rows.py:LAST_SLIPS": (
        ("what was told counts from the start", "max(0, unixepoch() - value)", "0"),
        ("a clock set back tells a failure again", "max(0,", "abs("),
    ),
    "core/maps.py:Shelf.changes_since": (("the journal misses a finished order", "is not value", "is value"),),
    "core/state.py:Till.resume": (
        ("the journal's reports wait for nobody", "outbox=Outbox(durable.reports,", "outbox=Outbox({},"),
    ),
}
