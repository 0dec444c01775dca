"""Whatever people write, a configuration is read or its faults are reported, without the token."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.config.reader import keys_of
from edge.config.schema import Config, ConfigError, load
from tests.support.bent import bent, trees, values
from tests.support.examples import examples

TOKEN = "APP_USR-1234-secret"


def every_key(shape: Any, known: dict[str, Any]) -> dict[str, Any]:
    """A section with all its keys; those without a value count as left out."""
    return {
        key.name: every_key(key.section, known.get(key.name) or {}) if key.section else known.get(key.name)
        for key in keys_of(shape)
    }


ROOT = Path(__file__).parent.parent.parent
HEARD = {"sound": {"buzzer_pin": 12, "quiet": "22:00-07:00"}}
"""A section that names nothing is a mistake."""
KNOWN = yaml.safe_load((ROOT / "config.example.yaml").read_text()) | HEARD
EXAMPLE = json.dumps(every_key(Config, KNOWN)).encode()
"""JSON is YAML."""

FATAL = ("*a", "&a b", "&a [*a]", r'"\UFFFFFFFF"', "[" * 900 + "]" * 900)
"""With one of these in it, nothing else in the file can be read."""

odd_values = st.sampled_from(
    [
        *("!!bool [x]", "!!null 1", "!!binary x", "!x y", "{? [a] : b}", "{<<: {a: b}}", "{a: b}", "[]", "[a, 1]"),
        *("~", "=", "1", "-1", "1e3", "0x1", "1:30", "2026-03-02", '""', r'"a\Lb"', r'"a\Nb"', r'"\e[1m"', r'"\ud800"'),
        *("9" * 5000, "a" * 300, "a/b", "/", ".", "..", "a" * 300 + "/b", f"{{{TOKEN}: 1}}", f"[{TOKEN}]"),
        *(TOKEN, f"dir/{TOKEN}", f"https://a:{TOKEN}@b"),
    ]
)


@pytest.fixture(scope="module")
def credentials(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "access_token").write_text(TOKEN)
    (folder / "access_token").chmod(0o600)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_the_example_with_all_its_keys_is_a_configuration(tmp_path, credentials):
    (tmp_path / "config.yaml").write_bytes(EXAMPLE)
    assert load(tmp_path / "config.yaml", credentials).mercadopago.access_token.reveal() == TOKEN


@examples(600)
@given(bent(EXAMPLE, by=odd_values, most=9))
def test_whatever_stands_behind_a_key_is_read_or_told_without_the_token(tmp_path, credentials, content):
    load_or_be_told(tmp_path / "config.yaml", credentials, content)


@examples(150)
@given(
    bent(EXAMPLE, by=values | st.sampled_from(FATAL))
    | trees.map(yaml.safe_dump).map(str.encode)
    | st.text().map(str.encode)
)
def test_any_text_is_a_configuration_or_told_line_by_line(tmp_path, credentials, content):
    load_or_be_told(tmp_path / "config.yaml", credentials, content)


def load_or_be_told(file: Path, credentials: dict[str, str], content: bytes) -> None:
    file.write_bytes(content)
    try:
        load(file, credentials)
    except ConfigError as error:
        assert_told(error, file)


def assert_told(error: ConfigError, file: Path) -> None:
    assert error.faults
    assert all(line.startswith(f"{file}:") and line.isprintable() for line in str(error).splitlines())
    assert TOKEN not in str(error)
