"""Who only reads the journal changes nothing, and no link in its place is followed."""

from pathlib import Path

import pytest

from edge.core import events
from edge.core.lifecycle import Order
from edge.core.settings import Settings
from edge.core.state import Durable, Till
from edge.journal.file import SUFFIXES, JournalError
from edge.journal.store import Journal, in_use, lock
from tests.support.facts import USER

TILL = Till(Settings(USER))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "journal.db"


def test_who_only_reads_sees_what_a_daemon_has_just_written(path):
    daemon = Journal(path)
    daemon.save(Durable(), TILL.put(Order("a")).durable)
    reader = Journal(path, read_only=True)
    assert [order.reference for order in reader.orders()] == ["a"]
    daemon.save(TILL.put(Order("a")).durable, TILL.put(Order("a")).put(Order("b")).durable)
    assert [order.reference for order in reader.orders()] == ["a", "b"]
    with pytest.raises(JournalError, match="readonly"):
        reader.request(events.ReprintAsked("a"))
    reader.close()
    daemon.close()


def test_who_only_reads_leaves_nothing_behind(path):
    Journal(path).close()
    before = path.read_bytes()
    reader = Journal(path, read_only=True)
    assert list(reader.orders()) == []
    reader.close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_who_only_reads_makes_no_journal(tmp_path):
    with pytest.raises(JournalError):
        Journal(tmp_path / "journal.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_link_in_its_place_is_no_journal(path, suffix, read_only):
    Journal(path).close()
    place = path.with_name(path.name + suffix)
    place.unlink(missing_ok=True)
    place.symlink_to(path.with_name("elsewhere"))
    with pytest.raises(JournalError, match="is a link, which is not followed"):
        Journal(path, read_only)
    assert not path.with_name("elsewhere").exists()


def test_a_link_in_the_place_of_its_lock_is_not_followed(tmp_path):
    (tmp_path / "journal.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError):
        lock(tmp_path / "journal.db")
    assert not (tmp_path / "elsewhere").exists()
    assert not in_use(tmp_path / "journal.db")
