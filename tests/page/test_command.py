"""`till-edge-page` as it is started: what it says when there is no page, a mistake, or no room on its port."""

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge.config.reader import UNREAD
from edge.config.schema import ConfigError, PageConfig, load, load_for_page

EXAMPLE = Path(__file__).parent.parent.parent / "config.example.yaml"


def run(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words, "-m", "edge.page", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def configured(folder: Path, page: str = "") -> Path:
    path = folder / "config.yaml"
    path.write_text(f"{EXAMPLE.read_text()}\njournal: {{path: journal.db}}\n{page}\n")
    return path


def test_a_page_that_nobody_asked_for_ends_well_and_says_what_to_write(tmp_path):
    done = run(configured(tmp_path))
    assert done.returncode == 0
    assert "write `page: true`" in done.stderr


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("page: {prot: 80}", "page.prot: there is no such key; did you mean port?"),
        ("page: {port: 0}", "page.port: is '0'; it must be from 1 to 65535"),
        ("page: maybe", "page: must be a section with keys of its own: host, port, cert_file, key_file"),
        ("page: {cert_file: config.yaml}", "page.cert_file: cert_file and key_file go together; give both or neither"),
        ("page: {key_file: none.key}", "page.key_file:"),
        (
            "page: {cert_file: config.yaml, key_file: config.yaml}",
            "page.key_file: {folder}/config.yaml is not the key of {folder}/config.yaml; both must be in PEM form",
        ),
    ],
)
def test_a_mistake_is_said_with_its_line_by_daemon_and_page_alike(tmp_path, page, fault):
    path = configured(tmp_path, page)
    for read in (load, load_for_page):
        with pytest.raises(ConfigError) as error:
            read(path)
        assert f"{path}:{path.read_text().splitlines().index(page) + 1}: {fault.format(folder=tmp_path)}" in str(
            error.value
        )
    assert run(path).returncode == 78


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("", None),
        ("page: false", None),
        ("page: true", PageConfig("0.0.0.0", 8080, None, None)),
        ("page: {port: 80}", PageConfig("0.0.0.0", 80, None, None)),
    ],
)
def test_it_is_off_unless_it_is_written(tmp_path, page, expected):
    assert load_for_page(configured(tmp_path, page)).page == expected


def test_the_page_opens_none_of_the_files_that_it_needs_not(tmp_path):
    path = configured(tmp_path)
    tls = "tls: {ca_file: no.pem, cert_file: no.pem, key_file: no.key}"
    text = path.read_text().replace("  host: mqtt.example.net\n", f"  host: mqtt.example.net\n  {tls}\n")
    path.write_text(text.replace("  # username: CAJA01\n", "  username: CAJA01\n  password_file: no.password\n"))
    config = load_for_page(path)
    assert config.mercadopago.access_token is UNREAD
    assert config.broker.password is UNREAD
    assert config.broker.tls.key_file is UNREAD


def test_a_port_that_is_taken_is_said_with_the_key_to_change(tmp_path):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = run(configured(tmp_path, f"page: {{host: 127.0.0.1, port: {port}}}"))
    assert done.returncode == 1
    assert (
        f"can't listen on 127.0.0.1 port {port}: Address already in use; change page.host or page.port" in done.stderr
    )


WITHOUT = """
import importlib.abc, runpy, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")

sys.meta_path.insert(0, Missing())
sys.argv[0] = "till-edge-page"
runpy.run_module("edge.page", run_name="__main__")
"""


def test_without_its_libraries_it_says_which_extra_brings_them(tmp_path):
    config = configured(tmp_path, "page: true")
    command = [sys.executable, "-c", WITHOUT, "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "pip install 'till-edge[page]'" in done.stderr) == (78, True)
