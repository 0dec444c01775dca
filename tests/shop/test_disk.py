"""A disk that fails under the running daemon: it says so, keeps its tickets back, and prints them when it can.

The disks are real: a file system of some megabytes in memory that is filled up, or mounted read-only.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa.torture import on_paper
from sim.shop import Shop, wait_for

pytestmark = pytest.mark.slow


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._run("mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder))

    def fill(self) -> None:
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

    def make_room(self) -> None:
        (self.folder / "filler").unlink()

    def read_only(self, so: bool) -> None:
        self._run("mount", "-o", f"remount,{'ro' if so else 'rw'}", str(self.folder))

    def close(self) -> None:
        self._run("umount", "--lazy", str(self.folder))

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    try:
        disk = Disk(tmp_path / "disk")
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("needs the right to mount a file system: run as root")
    yield disk
    disk.close()


@pytest.fixture
def shop(shop_of, disk) -> Shop:
    """A shop whose journal is on that disk."""
    return shop_of({"journal": {"path": str(disk.folder / "journal.db")}})


def complains(shop: Shop, *words: str) -> None:
    shop.wait_for_state("attention")
    wait_for(lambda: all(word in json.dumps(shop.status["problems"]) for word in words), f"the status says {words}")


def test_a_full_disk_keeps_the_ticket_back_until_there_is_room(shop: Shop, disk: Disk):
    disk.fill()
    for number in range(12):
        shop.sell(f"sale-{number}")
    complains(shop, "database or disk is full", "nothing can be printed")
    printed_before = {ticket.text for ticket in shop.printer.tickets}
    shop.board.press()
    complains(shop, "nothing can be printed")
    disk.make_room()
    shop.wait_for_outcome("printed", 12)
    tickets = shop.printer.wait_for_tickets(12)
    assert len(tickets) == 12
    assert not any("COPIA" in ticket.text for ticket in tickets)
    assert len(printed_before) < 12
    shop.wait_for_state("ready")


def test_a_power_cut_while_the_disk_is_full_loses_nothing(shop: Shop, disk: Disk):
    disk.fill()
    for number in range(12):
        shop.sell(f"sale-{number}")
    complains(shop, "database or disk is full")
    shop.board.pull_the_plug()
    disk.make_room()
    shop.board.plug_in()
    wait_for(lambda: len(on_paper(shop.printer.tickets)) == 12, "all twelve are on paper")
    texts = [ticket.text for ticket in shop.printer.tickets if ticket.complete and "COPIA" not in ticket.text]
    assert len(texts) == len(set(texts))


def test_a_disk_that_becomes_read_only_is_said_and_got_over(shop: Shop, disk: Disk):
    shop.board.pull_the_plug()
    disk.read_only(True)
    shop.board.plug_in()
    complains(shop, "nothing can be printed")
    shop.sell("sale-1")
    disk.read_only(False)
    [ticket] = shop.printer.wait_for_tickets(1)
    assert "sale-1" in ticket.text
    assert "COPIA" not in ticket.text
    shop.wait_for_state("ready")


def test_a_broken_journal_is_set_aside_and_the_till_sells_on(shop: Shop, disk: Disk):
    shop.sell("sale-1")
    shop.wait_for_outcome("printed")
    shop.board.pull_the_plug()
    for name in ("journal.db", "journal.db-wal"):
        (disk.folder / name).write_bytes(b"noise" * 1000)
    shop.mercadopago.advance(60)  # its time comes to us in whole seconds
    shop.board.plug_in()
    complains(shop, "journal_damaged")
    papers = shop.printer.wait_for_tickets(3)[1:]  # the ticket and the slip that tells of the journal, either first
    [again] = [paper for paper in papers if "sale-1" in paper.text]
    assert "COPIA" in again.text
    assert any("MEMORIA" in paper.text for paper in papers)
    shop.board.press()
    shop.wait_for_state("ready")
    shop.sell("sale-2")
    assert "COPIA" not in shop.printer.wait_for_tickets(4)[3].text
    assert (disk.folder / "journal.db.broken").exists()
