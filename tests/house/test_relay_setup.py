"""The relay's set-up: what `scripts/test-relay` types stands in the documents, and what they say of it is true.

`scripts/test-relay` really types it, on a booted Debian.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.web import server
from scripts import relay_documents as documents

ROOT = Path(__file__).parent.parent.parent
README = documents.README.read_text()
FIREWALL = (ROOT / "relay" / "firewall.nft").read_text()
UNIT = (ROOT / "relay" / "till-relay-firewall.service").read_text()


def test_the_set_up_is_typed_in_a_readers_order():
    typed = "\n".join(block.text for block in documents.commands())
    steps = [
        "apt install",
        "pip install --require-hashes",
        "relay.yaml",
        "systemctl restart caddy",
        "make-certificates",
    ]
    steps += ["systemctl restart mosquitto", "enable --now till-relay\n", "till-relay-firewall", "till-relay enroll"]
    found = [typed.find(step) for step in [*steps, "mosquitto_sub"]]
    assert -1 not in found
    assert found == sorted(found)


def test_nothing_is_typed_but_what_the_documents_say_and_the_table():
    for block in documents.as_written(documents.README, documents.SETUP):
        page = "\n".join(line.strip() for line in block.page.read_text().splitlines())
        assert "\n".join(line.strip() for line in block.text.splitlines()) in page
    assert len(documents.TYPED_INSTEAD) == 8


def test_each_line_of_the_table_is_needed():
    blocks = [*documents.as_written(documents.README, documents.SETUP)]
    blocks += documents.as_written(documents.BROKER_README, documents.SOFTWARE)
    blocks += documents.as_written(documents.OPERATIONS, documents.WATCH)
    written = "\n".join(block.text for block in blocks)
    for pattern, typed in documents.TYPED_INSTEAD:
        changed = re.sub(pattern, typed, written)
        assert changed != written, pattern
        written = changed
    assert "example.net" not in written.replace("s/example.net/test/", "")


def test_a_step_to_a_section_that_is_not_there_is_an_error(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("## One\n\n1. Then [b](b.md#two).\n")
    (tmp_path / "b.md").write_text("## Three\n")
    with pytest.raises(LookupError, match="no section #two"):
        list(documents.as_written(page, "one"))


def test_a_block_ends_where_its_indentation_does(tmp_path):
    page = tmp_path / "a.md"
    page.write_text(
        "## One\n\n    a\n\n    b\n\n1. Text\n   more\n\n       c\n         d\n   text\n\n## Two\n\n    e\n"
    )
    assert [block.text for block in documents.as_written(page, "one")] == ["a\n\nb\n", "c\n  d\n"]


def test_the_table_of_limits_is_the_firewalls():
    form = r"^\| (8883|80 and 443), [^|]*\| (\d+) \| (\d+) \| (one|\d+) a second, after a burst of (\d+) \|$"
    rows = re.findall(form, README, re.M)
    for (_, source, network, rate, burst), chain in zip(rows, ("mqtt", "http"), strict=True):
        [rules] = re.findall(rf"chain {chain} {{\n(.*?)\n    }}", FIREWALL, re.S)
        per_second = "1" if rate == "one" else rate
        assert re.findall(r"over (\d+)/second burst (\d+) packets", rules) == [(per_second, burst)] * 2
        assert re.findall(r"ct count over (\d+)", rules) == [source, network] * 2


def test_the_servers_own_limits_are_the_pages():
    assert f"ends a request after {server.EXCHANGE_TIMEOUT_S:g} seconds" in README
    assert f"more than {server.MAX_CONNECTIONS}\nconnections" in README
    [keepalive] = re.findall(r"(?m)^max_keepalive (\d+)$", (ROOT / "relay/mosquitto/mosquitto.conf").read_text())
    assert f"after {int(keepalive) * 1.5 / 60:g} minutes at most" in README


@pytest.mark.skipif(not shutil.which("nft"), reason="apt install nftables")
def test_the_firewall_is_one_that_nft_takes():
    done = subprocess.run(
        ["nft", "--check", "--file", "-"], input=FIREWALL, capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("nft needs root")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_firewall_touches_no_other_table_and_comes_back_when_debians_flushes():
    code = re.sub(r"(?m)^\s*#.*$", "", FIREWALL)
    assert "flush" not in code
    assert set(re.findall(r"table inet (\S+)", code)) == {"till_relay"}
    for line in ("PartOf=nftables.service", "ReloadPropagatedFrom=nftables.service", "After=nftables.service"):
        assert line in UNIT
