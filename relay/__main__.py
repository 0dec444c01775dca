"""The commands people type: `till-relay run` and `till-relay url TILL`.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration (sysexits' EX_CONFIG; systemd need not try again).
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from edge.wire import is_till_id
from relay.address import address_of
from relay.app import create_app
from relay.config import Config, ConfigError, load

log = logging.getLogger("relay")

DEFAULT_CONFIG = Path("/etc/till-relay/relay.yaml")
DONE, FAILED, USAGE, BAD_CONFIGURATION = 0, 1, 2, 78
MOST_CONNECTIONS = 500
FAREWELL = 12
"""Seconds that accepted requests get to finish: the time for a body and then for the broker is bounded by less."""


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        config = load(options.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIGURATION
    return _run(config) if options.command == "run" else _url(config, options.till)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("till-relay", description="Rings a till when Mercado Pago notifies of a payment.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the relay until it is told to stop")
    url = commands.add_parser("url", help="print the notification address of a till")
    url.add_argument("till", type=_till, help="the till's id, as in CAJA01")
    for command in (run, url):
        command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")
    return parser


def _till(text: str) -> str:
    if not is_till_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no till id: 1 to 64 of A-Z a-z 0-9 _ -")
    return text


def _url(config: Config, till: str) -> int:
    print(address_of(till, config.public_url, config.key))
    return DONE


def _run(config: Config) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    threading.excepthook = _end_with_the_thread
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(DONE))  # uvicorn finishes first, then raises the signal again
    try:
        listener = _listener(config.listen.host, config.listen.port)
    except OSError as error:
        log.error("can't listen on %s port %d: %s", config.listen.host, config.listen.port, error.strerror)
        return FAILED
    log.info("listening on %s port %d", config.listen.host, config.listen.port)
    _server(config).run(sockets=[listener])
    return DONE


def _listener(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=100)


def _server(config: Config) -> uvicorn.Server:
    settings = uvicorn.Config(
        create_app(config),
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # it would print the secrets
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=FAREWELL,
    )
    return uvicorn.Server(settings)


def _end_with_the_thread(hook: threading.ExceptHookArgs) -> None:
    """End the relay, at once and loudly: without its network thread it would answer 503 until somebody noticed."""
    if hook.exc_value is not None:
        log.critical("a thread ended by a bug; so does the relay", exc_info=hook.exc_value)
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
