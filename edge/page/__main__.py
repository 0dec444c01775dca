"""`till-edge-page`: serves the till's page, as a process of its own that does nothing to a sale but ask the daemon."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.config.schema import Config, ConfigError, PageConfig, load_for_page
from edge.machine.users import become_owner

log = logging.getLogger("edge.page")

DONE, FAILED, BAD_CONFIG = 0, 1, 78
DEFAULT_CONFIG = Path("/etc/till-edge/config.yaml")
OFF = "there is no page, for the configuration doesn't ask for one; write `page: true` into it"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it; return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        config = load_for_page(options.config)
        if config.page is None:
            print(f"till-edge-page: {options.config}: {OFF}", file=sys.stderr)
            return DONE
        become_owner(config.journal.path.parent)
        return _serve(config, config.page, options.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    except PermissionError as error:
        print(f"till-edge-page: {error.filename or error.strerror}: no permission; try it with sudo", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("till-edge-page", description="Serves the till's page in the shop's network.")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")
    return parser


def _serve(config: Config, page: PageConfig, path: Path) -> int:
    try:
        from edge.page.server import listen, serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "edge":
            raise
        needs = f"page: {error.name} is not installed; pip install 'till-edge[page]'"
        raise ConfigError([f"{path}: {needs}"]) from None
    try:
        listener = listen(page)
    except OSError as error:
        where, advice = f"{page.host} port {page.port}", f"change page.host or page.port in {path}"
        print(f"till-edge-page: can't listen on {where}: {os.strerror(error.errno or 0)}; {advice}", file=sys.stderr)
        return FAILED
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else each odd request is a warning
    how = "https" if page.cert_file else "http, which is not encrypted: only for the shop's own network"
    log.info("the page of till %s is on %s port %d, %s", config.till.id, page.host, page.port, how)
    serve(config, page, listener)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
