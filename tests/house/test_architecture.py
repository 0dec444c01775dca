"""The drawings of ARCHITECTURE.md are those of the code."""

import re
from pathlib import Path

import pytest

from scripts.diagram import LIFE_HEAD, PAGE, in_page, life
from scripts.rooms import ROOMS_HEAD, House, counts, drawing, house

ROOT = Path(__file__).parent.parent.parent
MAX_ROOMS = 15
MAX_WORDS = 900


def test_the_life_of_an_order_is_drawn_from_the_table_of_moves():
    text = PAGE.read_text()
    assert text[in_page(text, LIFE_HEAD)] == life(), "run `make diagram`"


def test_the_rooms_are_drawn_from_the_imports():
    text = PAGE.read_text()
    assert text[in_page(text, ROOMS_HEAD)] == drawing(house()), "run `make diagram`"


def test_the_rooms_are_few_and_stand_on_one_another():
    ours = house()
    assert len(ours.rooms) <= MAX_ROOMS
    assert (ours.circles, ours.against_the_grain) == (set(), set())


LAYERS = (frozenset({"a"}), frozenset({"b", "c"}), frozenset({"d"}))


def of(*arrows: str) -> House:
    """A house of four rooms; `ab` is an arrow from a to b."""
    return House(frozenset("abcd"), frozenset((arrow[0], arrow[1]) for arrow in arrows), LAYERS)


def test_an_arrow_is_left_out_where_another_way_leads_there():
    assert drawing(of("ab", "bd", "ad")) == ROOMS_HEAD + "    a --> b\n    b --> d\n"
    assert counts(of("ab", "bd", "ad")).startswith("4 rooms, 3 layers, 3 arrows")


@pytest.mark.parametrize("arrow", ["ba", "bc", "da"])
def test_an_arrow_up_or_to_a_neighbour_is_against_the_grain(arrow):
    assert of("ab", "cd", arrow).against_the_grain == {(arrow[0], arrow[1])}


def test_a_circle_is_counted_once():
    assert of("ab", "bc", "ca", "cd").circles == {frozenset("abc")}


def test_every_room_and_every_page_of_the_core_is_told_of():
    text = PAGE.read_text()
    rooms = {room if (ROOT / "edge" / room).is_dir() else f"{room}.py" for room in house().rooms}
    pages = {path.name for path in (ROOT / "edge/core").glob("*.py")} - {"__init__.py"}
    assert {name for name in rooms | pages if f"`{name}`" not in text} == set()


def test_the_page_is_one_page():
    words = re.sub(r"```mermaid.*?```", "", PAGE.read_text(), flags=re.S).split()
    assert len(words) <= MAX_WORDS
