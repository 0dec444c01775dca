"""`till-relay watch`: a service that tells people what is wrong with the tills, and when it is over.

It reads what the broker retains, as `till-relay fleet` does. `alerts.py` says what is owed to whom; here it is asked
each second, sent, and remembered before and after.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, tzinfo
from importlib import metadata

from relay.bugs import end_with_any_thread
from relay.config import Config, ConfigError, OpeningHours, TokenEnd, Watch
from relay.fleet.rows import Hours
from relay.fleet.watcher import Watcher
from relay.watch.alerts import Rules
from relay.watch.memory import Memory
from relay.watch.metrics import Exporter
from relay.watch.post import Keeper, Post, Way
from relay.watch.signs import View, signs_of
from relay.watch.words import WORDS, Words, trial_letter

log = logging.getLogger(__name__)

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 78
TICK_S = 1.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `till-relay watch`."""
    parser.add_argument("--test", action="store_true", help="send a test message to each channel, and end")


def run(config: Config, options: argparse.Namespace) -> int:
    """Watch until SIGTERM or SIGINT, or send a test, and return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        watch = _section(config)
        ways = _ways(watch)
        memory = _memory(watch) if not options.test else None
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIGURATION
    words = WORDS[watch.language]
    if memory is None:
        return _test(ways, words)
    end_with_any_thread()
    exporter = Exporter(way.label for way in ways)
    try:
        exporter.listen(watch.metrics_port)
    except OSError as error:
        log.error("can't listen on 127.0.0.1 port %s: %s", watch.metrics_port, error.strerror)
        return FAILED
    service = Service(config, watch, memory, Post(ways, words, _zone(config), exporter), exporter)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    service.serve()
    return DONE


def _section(config: Config) -> Watch:
    """Raises `ConfigError`."""
    if config.watch is None:
        raise ConfigError(["till-relay watch: the configuration has no section watch; relay.example.yaml shows one"])
    return config.watch


def _ways(watch: Watch) -> Sequence[Way]:
    """Raises `ConfigError`, also where the extra with apprise isn't installed: the relay itself does without it."""
    if watch.channels_file is None:
        return ()
    try:
        from relay.watch.channels import open_channels
    except ModuleNotFoundError as error:
        if error.name != "apprise":
            raise
        raise ConfigError(["till-relay: apprise is not installed; pip install 'till-edge[relay,watch]'"]) from None
    return open_channels(watch.channels_file)


def _memory(watch: Watch) -> Memory:
    """Raises `ConfigError` if it can't be written: nobody is to hear everything twice after each restart."""
    memory = Memory(watch.memory_file)
    try:
        memory.save(memory.load())
    except OSError as error:
        reason = error.strerror or error
        advice = "let us write there"
        raise ConfigError([f"watch.memory_file: {watch.memory_file} can't be written ({reason}); {advice}"]) from None
    return memory


def _test(ways: Sequence[Way], words: Words) -> int:
    results = [(way, way.send(trial_letter(words))) for way in ways]
    for way, is_sent in results:
        print(f"{way.label}: {'sent' if is_sent else 'FAILED; apprise says why above'}")
    if not ways:
        print("watch.channels_file names no file, so nobody is told anything")
    return DONE if results and all(is_sent for _, is_sent in results) else FAILED


def _zone(config: Config) -> tzinfo | None:
    return config.fleet.timezone if config.fleet else None


def _hours(hours: OpeningHours, zone: tzinfo | None) -> Hours:
    return Hours(hours.open_from, hours.open_until, zone)


# --- the service ------------------------------------------------------------------------------------------------------


class Service:
    """The loop. A message that is being sent when `stop` is called is sent, and remembered, first."""

    def __init__(self, config: Config, watch: Watch, memory: Memory, post: Post, exporter: Exporter) -> None:
        zone = _zone(config)
        shop = _hours(config.fleet.open, zone) if config.fleet and config.fleet.open else None
        self._rules = Rules.of(watch, _hours(watch.quiet, zone), shop)
        self._tokens: Sequence[TokenEnd] = watch.token_ends
        self._watcher = Watcher(config.broker, shop)
        self._keeper, self._post, self._exporter = Keeper(memory), post, exporter
        self._is_stopping = False

    def stop(self) -> None:
        """End soon. For a signal's handler."""
        self._is_stopping = True

    def serve(self) -> None:
        """Watch until `stop`."""
        self._watcher.start()
        self._keeper.keep(self._keeper.ledger.among(self._post.names()))
        while not self._is_stopping:
            self._watcher.listen(TICK_S)
            view = self._view()
            if view is not None:
                self._step(view, self._watcher.now())
        self._watcher.stop()

    def _step(self, view: View, now: datetime) -> None:
        signs = signs_of(view, self._tokens, self._rules.today(now))
        ledger = self._keeper.keep(self._keeper.ledger.observe(signs, now, view.heard))
        due = [alert.sign for alert in ledger.alerts.values() if alert.is_due(self._rules, now)]
        self._exporter.show(view, self._watcher.records, due)
        self._post.bring(ledger, view, self._rules, now, self._keeper)

    def _view(self) -> View | None:
        """None until all has come that the broker retains: what isn't here yet isn't over."""
        if self._watcher.trouble:
            return View(broker_trouble=self._watcher.trouble)
        if not self._watcher.is_complete:
            return None
        return View(
            dict(self._watcher.statuses), self._watcher.heard, self._watcher.relay, metadata.version("till-edge")
        )
