"""Attacks on the page over real HTTP: each gets its answer, and nothing of it reaches the till."""

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from edge.page.app import MAX_BODY_BYTES, MAX_REQUESTS_PER_MINUTE
from edge.page.server import HEAD_TIMEOUT_S, MAX_CONNECTIONS
from edge.page.streams import MAX_OF_A_SESSION
from sim.shop import Shop, wait_for
from tests.support.pages import KEY, LINES, Device, PageProcess, memory_mb, page_of

pytestmark = pytest.mark.slow

ACTIONS = {
    "/api/order": {"key": KEY, "lines": LINES},
    "/api/cancel": {"reference": f"CAJA01-{KEY}"},
    "/api/check": {},
    "/api/copy": {"reference": f"CAJA01-{KEY}"},
    "/api/day": {},
    "/api/sessions/end": {"id": "0" * 16},
}
"""Everything that changes something."""


OPENSSL = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=127.0.0.1",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    settings, _ = page_of()
    with Shop(tmp_path_factory.mktemp("shop"), settings) as shop:
        yield shop


@pytest.fixture(scope="module")
def owner(shop, page) -> Device:
    return Device(page).pair(shop)


@pytest.fixture(autouse=True)
def nothing_happens(shop) -> Iterator[None]:
    """Whatever is tried here, no order comes on the till and no paper out of the printer."""
    before = len(shop.printer.tickets)
    yield
    account = shop.mercadopago.account
    assert account.order_on(account.till()) is None
    assert len(shop.printer.tickets) - before <= 1  # the slip with a code


def with_session_of(owner: Device, page: PageProcess, origin: str | None = None) -> Device:
    device = Device(page, origin)
    device.http.cookies.update(owner.http.cookies)
    return device


@pytest.mark.parametrize("path", ACTIONS)
def test_without_a_session_nothing_is_done(page, path):
    answer = Device(page).post(path, ACTIONS[path])
    assert (answer.status_code, answer.json()["error"]) == (401, "no_session")


@pytest.mark.parametrize("path", ["/api/live", "/api/sessions"])
def test_without_a_session_nothing_is_shown(page, path):
    assert Device(page).get(path).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "'; DROP TABLE wishes; --", "é" * 20, "x" * 5000])
def test_a_made_up_session_is_none(page, cookie):
    device = Device(page)
    device.http.headers["Cookie"] = f"till-session={cookie}".encode()
    assert device.post("/api/check").status_code == 401


@pytest.mark.parametrize("path", ACTIONS)
@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", "https://127.0.0.1", "http://127.0.0.1", "http://127.0.0.1.evil.example"],
)
def test_with_a_session_and_from_another_page_nothing_is_done(page, owner, path, origin):
    answer = with_session_of(owner, page, origin).post(path, ACTIONS[path])
    assert (answer.status_code, answer.json()["error"]) == (403, "wrong_origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_what_the_browser_says_of_another_site_is_believed(page, owner, site):
    assert owner.post("/api/check", None, Sec_Fetch_Site=site).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_another_page_is_no_request(page, owner, kind):
    assert owner.post("/api/check", None, Content_Type=kind).status_code == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ACTIONS)
def test_nothing_is_changed_by_another_method(page, owner, method, path):
    assert owner.http.request(method, f"{page.url}{path}", timeout=10).status_code == 405


def test_another_sites_preflight_is_not_allowed(page):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(f"{page.url}/api/order", headers=headers, timeout=10)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_an_ended_session_is_of_no_use_any_more_and_its_stream_ends(shop, page, owner):
    wait_until_nobody_asks(page)
    other = Device(page).pair(shop)
    [theirs] = [each for each in other.get("/api/sessions").json()["sessions"] if each["this"]]
    stream = other.http.get(f"{page.url}/api/live", stream=True, timeout=20)
    lines = stream.iter_lines()
    assert next(lines).startswith(b"data: ")
    assert owner.post("/api/sessions/end", {"id": theirs["id"]}).ok
    assert b"event: ended" in list(lines)
    assert other.post("/api/check").status_code == 401


def wait_until_nobody_asks(page: PageProcess) -> None:
    """Only one device can ask in a minute: here the file is told that it was long ago."""
    path = next(page.log.parent.glob("*.page-access"))
    kept = json.loads(path.read_text())
    page.end()
    path.write_text(json.dumps({**kept, "pairing": None, "locked_at": 0.0}))
    path.chmod(0o600)
    page.start()


def test_guessing_codes_locks_after_five_and_the_right_one_comes_too_late(page):
    wait_until_nobody_asks(page)
    thief = Device(page)
    assert thief.post("/api/pair/ask").ok
    tried = [thief.post("/api/pair/enter", {"code": f"{number:06}"}) for number in range(20)]
    assert [answer.json()["error"] for answer in tried] == ["wrong"] * 4 + ["locked"] * 16
    assert Device(page).post("/api/pair/ask").json()["error"] == "locked"


def test_a_code_is_asked_for_by_one_device_at_a_time(page):
    wait_until_nobody_asks(page)
    assert Device(page).post("/api/pair/ask").ok
    answers = [Device(page).post("/api/pair/ask").status_code for _ in range(10)]
    assert answers == [429] * 10
    assert Device(page).get("/api/pair/asking").json() == {"stage": "expired"}


def test_a_code_without_a_press_of_the_button_is_never_printed(shop, page):
    wait_until_nobody_asks(page)
    before = len(shop.printer.tickets)
    assert Device(page).post("/api/pair/ask").ok
    time.sleep(1)
    assert len(shop.printer.tickets) == before


def test_no_answer_and_no_log_has_the_token_a_code_or_a_session(shop, page, owner):
    secret = owner.http.cookies["till-session"]
    token = shop.mercadopago.access_token
    told = [owner.get(path).text for path in ("/", "/page.js", "/api/start", "/api/sessions", "/api/pair/asking")]
    told += [json.dumps(owner.wait_until(lambda shown: True, "anything")), page.log.read_text()]
    assert not any(token in text or secret in text for text in told)
    memory = Path(f"/proc/{page.process.pid}/environ").read_bytes()
    assert token.encode() not in memory


def test_the_process_has_never_read_the_token(shop, page):
    """It starts, and serves, where the token's file can't be read at all."""
    token = shop.folder / "access_token"
    hidden = token.with_name("elsewhere")
    token.rename(hidden)
    page.end()
    page.start()
    assert Device(page).get("/api/start").ok
    hidden.rename(token)


def test_script_in_a_title_stays_text(shop, page, owner):
    title = "<script>alert(1)</script>"
    answer = owner.order("20260302-214500-00dead", [{"title": title, "quantity": "1", "price": "0"}])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/page.css", "/api/start", "/api/check", "/nothing", "/api/live"])
def test_every_answer_has_the_headers_that_protect(page, path):
    headers = Device(page).get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    ["/../config.yaml", "/..%2fconfig.yaml", "/%2e%2e/access_token", "/static/page.js", "//etc/passwd", "/index.html"],
)
def test_no_path_leads_to_another_file(page, path):
    host, port = page.url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=10)) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: wire.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 404")


def test_a_session_cookie_is_not_for_scripts_nor_for_other_sites(page, owner):
    [cookie] = [each for each in owner.http.cookies if each.name == "till-session"]
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"


# --- too much ------------------------------------------------------------------------------------------------------


def test_a_huge_body_is_refused_before_it_is_read(page, owner):
    answer = owner.post("/api/order", {"lines": "x" * MAX_BODY_BYTES})
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
    before = memory_mb(page.process.pid)
    for _ in range(20):
        try:
            body = (b"x" * 65536 for _ in range(160))  # 10 MB in chunks, without a length
            headers = {"Origin": page.url, "Content-Type": "application/json"}
            answer = owner.http.post(f"{page.url}/api/order", data=body, headers=headers, timeout=20)
            assert answer.status_code == 413
        except requests.ConnectionError:
            pass  # it hung up on us
    assert memory_mb(page.process.pid) - before < 5


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b'"x"', b"[" * 9000, b"\xff\xfe", b'{"a":NaN}'])
def test_a_body_that_is_none_is_refused(page, owner, body):
    headers = {"Origin": page.url, "Content-Type": "application/json"}
    answer = owner.http.post(f"{page.url}/api/order", data=body, headers=headers, timeout=10)
    assert answer.status_code in (400, 422)


def test_two_hundred_streams_of_one_device_leave_room_for_the_others(shop, page, owner):
    answers: list[int] = []
    opened = []

    def open_one() -> None:
        stream = requests.get(f"{page.url}/api/live", cookies=owner.http.cookies.get_dict(), stream=True, timeout=30)
        answers.append(stream.status_code)
        opened.append(stream)

    threads = [threading.Thread(target=open_one, daemon=True) for _ in range(200)]
    for thread in threads:
        thread.start()
    wait_for(lambda: answers.count(200) == MAX_OF_A_SESSION and Device(page).get("/api/start").ok, "others are served")
    for thread in threads:
        thread.join(20)
    assert answers.count(200) <= MAX_OF_A_SESSION
    assert set(answers) <= {200, 503}
    for stream in opened:
        stream.close()
    wait_for(lambda: owner.get("/api/live", stream=True).status_code == 200, "there is room again")


def test_mute_connections_make_room_for_one_that_speaks_and_are_closed(page):
    host, port = page.url.removeprefix("http://").split(":")
    mute = [socket.create_connection((host, int(port)), timeout=10) for _ in range(MAX_CONNECTIONS + 20)]
    began = time.monotonic()
    assert Device(page).get("/api/start").ok
    assert time.monotonic() - began < HEAD_TIMEOUT_S / 2
    for wire in mute:
        wire.settimeout(HEAD_TIMEOUT_S + 5)
        with suppress(ConnectionResetError):
            assert wire.recv(1) == b""
        wire.close()


def test_a_head_that_dribbles_is_given_up(page):
    host, port = page.url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=10)) as wire:
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began < HEAD_TIMEOUT_S * 2:
                wire.sendall(b"G")
                time.sleep(0.2)
        assert time.monotonic() - began < HEAD_TIMEOUT_S + 3


def test_two_lengths_are_no_length(page, owner):
    host, port = page.url.removeprefix("http://").split(":")
    cookie = f"till-session={owner.http.cookies['till-session']}"
    head = f"POST /api/check HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {page.url}\r\nCookie: {cookie}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with closing(socket.create_connection((host, int(port)), timeout=10)) as wire:
        wire.sendall(head.encode())
        assert re.match(rb"HTTP/1.1 4\d\d", wire.recv(4096))


def test_a_device_that_asks_all_the_time_has_to_wait(shop, page):
    wait_until_nobody_asks(page)
    device = Device(page).pair(shop)
    answers = [device.post("/api/check").status_code for _ in range(MAX_REQUESTS_PER_MINUTE + 5)]
    assert answers == [200] * MAX_REQUESTS_PER_MINUTE + [429] * 5


def test_with_a_certificate_the_page_speaks_no_http_and_its_cookies_never_leave_it(tmp_path, shop):
    certificate, key = tmp_path / "page.pem", tmp_path / "page.key"
    subprocess.run([*OPENSSL, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    settings, port = page_of()
    page_settings = {**settings["page"], "cert_file": str(certificate), "key_file": str(key)}
    config = tmp_path / "config.yaml"
    config.write_text(shop.config.read_text().partition("\npage:")[0] + f"\npage: {json.dumps(page_settings)}\n")
    page = PageProcess(config, port, certificate).start()
    try:
        start = Device(page).get("/api/start")
        assert start.json()["encrypted"]
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        asked = Device(page)
        assert asked.post("/api/pair/ask").ok
        [cookie] = list(asked.http.cookies)
        assert (cookie.name, cookie.secure) == ("__Host-till-asks", True)
    finally:
        page.end()
