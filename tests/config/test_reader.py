"""What the reader promises to both configurations, the till's and the relay's."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest

from edge.config.reader import Form, Reader, Value
from edge.config.yaml_nodes import ConfigError, compose

Text = Annotated[str, Form(Value.single)]


@dataclass(frozen=True)
class Sound:
    """A section without required keys."""

    speech: Text = "es"


@dataclass(frozen=True)
class Page:
    """A section with a required key."""

    listen: Text


@dataclass(frozen=True)
class Shape:
    """Sections that are off unless they are written, and one that is on unless it is switched off."""

    page: Page | None = None
    sound: Sound | None = None
    light: Sound | None = field(default_factory=Sound)


def read(folder: Path, text: str) -> Shape:
    path = folder / "shape.yaml"
    path.write_text(text)
    reader = Reader(path)
    shape = reader.read(Shape, compose(path, "shape.example.yaml"))
    reader.raise_if_faulty()
    return shape


@pytest.mark.parametrize(
    ("text", "page", "sound", "light"),
    [
        ("light:\n", None, None, Sound()),
        ("page:\nsound:\n", None, None, Sound()),
        ("page: false\nsound: no\nlight: false\n", None, None, None),
        ("sound: true\nlight: true\n", None, Sound(), Sound()),
        ("page: {listen: 0.0.0.0}\nsound: {}\n", Page("0.0.0.0"), Sound(), Sound()),
        ("sound: {speech: pt}\nlight: {speech: pt}\n", None, Sound("pt"), Sound("pt")),
    ],
)
def test_a_section_whose_default_is_none_is_off_unless_it_is_written(tmp_path, text, page, sound, light):
    assert read(tmp_path, text) == Shape(page, sound, light)


@pytest.mark.parametrize("page", ["true", "{}"])
def test_a_section_that_is_on_needs_its_required_keys(tmp_path, page):
    with pytest.raises(ConfigError, match=r"2: page.listen: is missing; add it"):
        read(tmp_path, f"\npage: {page}\n")


@pytest.mark.parametrize("page", ["'false'", "0", "off the shelf"])
def test_what_is_neither_a_section_nor_a_truth_value_is_a_mistake(tmp_path, page):
    with pytest.raises(ConfigError, match=r"1: page: must be a section with keys of its own: listen"):
        read(tmp_path, f"page: {page}\n")


def test_a_file_that_has_to_be_written_is_written_after_its_own_example(tmp_path):
    with pytest.raises(ConfigError, match=r"shape.yaml: is empty; start from shape.example.yaml$"):
        read(tmp_path, "")


def test_the_reader_needs_nothing_but_python_and_yaml():
    program = "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import edge.config.reader, relay.config"
    others = ["requests", "urllib3", "babel", "gpiozero", "escpos", "PIL", "starlette", "uvicorn", "rich", "nacl"]
    subprocess.run([sys.executable, "-c", program, *others], check=True)
