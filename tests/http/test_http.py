"""One HTTP exchange within one deadline: real sockets, and servers that do what servers should not."""

import contextlib
import gzip
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.http import Failure, HttpError, Response, Session
from tests.support.scripted_server import (
    DRIBBLING,
    OK,
    STEP_S,
    Script,
    Server,
    after_a_request,
    answering,
    dribbling,
    request,
    silent,
    with_length,
)

MARGIN_S = 1.0
"""For a busy machine. What dribbles here would go on for a minute."""
MAX_BYTES = 1000
LONG = 600


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def session(url: str, max_bytes: int = MAX_BYTES) -> Session:
    return Session(url, {"User-Agent": "test"}, STEP_S, max_bytes)


def failure(url: str, body: bytes | None = None) -> Failure:
    with pytest.raises(HttpError) as raised:
        session(url).exchange("PUT" if body else "GET", "/orders", body=body)
    assert str(raised.value)
    return raised.value.failure


def assert_timely_failure(url: str, body: bytes | None = None) -> None:
    began = time.monotonic()
    assert failure(url, body) is Failure.TIMEOUT
    assert time.monotonic() - began < 2 * STEP_S + MARGIN_S


# --- one deadline -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", DRIBBLING.values(), ids=DRIBBLING.keys())
def test_an_answer_that_does_not_end_in_time_is_given_up(serve, script):
    assert_timely_failure(serve(script).url)


def test_a_tls_handshake_that_dribbles_is_given_up(serve):
    def record_without_end(wire: socket.socket) -> None:
        wire.sendall(b"\x16\x03\x03\x40\x00")
        dribbling(b"\x02")(wire)

    assert_timely_failure(serve(record_without_end).url.replace("http:", "https:"))


def test_a_head_that_dribbles_over_tls_is_given_up(serve, trusted):
    assert_timely_failure(serve(DRIBBLING["a head that dribbles"], trusted()).url)


def test_a_server_that_does_not_take_the_request_is_given_up(serve):
    assert_timely_failure(serve(silent).url, bytes(64 * 1024 * 1024))


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_server_that_takes_the_request_in_sips_is_given_up(serve, trusted, over_tls):
    def sip(wire: socket.socket) -> None:
        while wire.recv(16 * 1024):
            time.sleep(STEP_S / 6)

    assert_timely_failure(serve(sip, trusted() if over_tls else None).url, bytes(64 * 1024 * 1024))


def test_a_step_has_half_the_time_of_the_exchange(serve):
    began = time.monotonic()
    with pytest.raises(HttpError):
        Session(serve(silent).url, {}, 2.0, MAX_BYTES).exchange("GET", "/")
    assert 2.0 <= time.monotonic() - began < 3.9


def test_a_server_that_does_not_take_the_connection_is_given_up():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        assert_timely_failure(f"http://127.0.0.1:{full.getsockname()[1]}")
        for each in waiting:
            each.close()


def test_the_deadline_of_one_exchange_is_not_the_next_ones(serve):
    talk = session(serve(answering(with_length(b"1"), with_length(b"2"))).url)
    assert talk.exchange("GET", "/").body == b"1"
    time.sleep(2 * STEP_S)
    assert talk.exchange("GET", "/").body == b"2"


# --- what is taken ----------------------------------------------------------------------------------------------------


def get(url: str) -> Response:
    return session(url).exchange("GET", "/orders", {"external_reference": "a b&c"})


def test_an_answer(serve):
    heads: list[bytes] = []

    def script(wire: socket.socket) -> None:
        heads.append(request(wire))
        wire.sendall(with_length(b"{}", b"Date: Mon, 02 Mar 2026 10:00:00 GMT", b"Retry-After: 7"))

    server = serve(script)
    answer = get(server.url + "/base/")
    assert (answer.status, answer.body, answer.retry_after_s) == (200, b"{}", 7.0)
    assert answer.date == "Mon, 02 Mar 2026 10:00:00 GMT"
    line, *headers = heads[0].decode().split("\r\n")
    assert line == "GET /base/orders?external_reference=a+b%26c HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "User-Agent: test", "Accept-Encoding: gzip"} <= set(headers)


@pytest.mark.parametrize("header", ["", "soon", "-1", "Mon, 02 Mar 2026 10:00:00 GMT", "1.5"])
def test_a_retry_after_that_is_no_number_of_seconds_counts_as_none(serve, header):
    answer = get(serve(answering(with_length(b"", f"Retry-After: {header}".encode()))).url)
    assert answer.retry_after_s == 0.0


BODY = b'{"a": 1}'
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SHAPES = {
    "with a length": with_length(BODY),
    "in chunks": CHUNKED + b"3\r\n" + BODY[:3] + b"\r\n5\r\n" + BODY[3:] + b"\r\n0\r\n\r\n",
    "until the end": OK + b"\r\n" + BODY,
    "with gzip": with_length(gzip.compress(BODY), b"Content-Encoding: gzip"),
    "after 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(BODY),
}


@pytest.mark.parametrize("answer", SHAPES.values(), ids=SHAPES.keys())
def test_a_body_of_any_shape(serve, answer):
    assert get(serve(answering(answer)).url).body == BODY


LARGE = bytes(MAX_BYTES + 1)
TOO_LARGE = {
    "with a length": with_length(LARGE),
    "in chunks": CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(LARGE), LARGE),
    "until the end": OK + b"\r\n" + LARGE,
    "with gzip": with_length(gzip.compress(bytes(100 * MAX_BYTES)), b"Content-Encoding: gzip"),
}


@pytest.mark.parametrize("answer", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_a_body_beyond_the_limit_is_not_taken(serve, answer):
    assert failure(serve(answering(answer)).url) is Failure.TOO_LARGE


def test_a_body_as_large_as_the_limit_is_taken(serve):
    assert len(get(serve(answering(with_length(bytes(MAX_BYTES)))).url).body) == MAX_BYTES


BROKEN = {
    "half a body": with_length(BODY)[:-3],
    "half a chunk": CHUNKED + b"8\r\nabc",
    "half of what is compressed": with_length(gzip.compress(BODY)[:-9], b"Content-Encoding: gzip"),
    "gzip that is none": with_length(BODY, b"Content-Encoding: gzip"),
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "an endless header": OK + b"X: " + bytes(70_000),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_half_an_answer_is_none(serve, answer):
    assert failure(serve(answering(answer)).url) is Failure.NETWORK


@settings(max_examples=LONG, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"", OK, CHUNKED, OK + b"Content-Encoding: gzip\r\n\r\n"]))
def test_any_bytes_are_an_answer_or_an_error(noise, begin):
    server = Server(answering(begin + noise))
    with contextlib.closing(server), contextlib.suppress(HttpError):
        session(server.url).exchange("GET", "/")


HEADS = [
    b"Location: http://[::1",
    b"Location: http://\xff\xfe/",
    b"Location: /" + b"x" * 5000,
    b"Set-Cookie: a=b; expires=Mon, 99 Foo 99999999999999999999 10:00:00 GMT",
    b"Set-Cookie: a=b; max-age=" + b"9" * 5000,
    b"Content-Length: -5",
    b"Content-Length: " + b"9" * 5000,
    b"Content-Length: 7, 8",
    b"Retry-After: " + b"9" * 5000,
    b"Transfer-Encoding: gzip, chunked",
    b"Content-Encoding: br, gzip, x",
    b"Content-Type: application/json; charset=utf-99",
    b"Connection: \x00",
    b"Date: Mon, 02 Mar 2026 10:00:00 +99999999999999999",
    b": no name",
    b" folded",
]


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"401 No", b"999 X", b"204 No Content"])
@pytest.mark.parametrize("head", HEADS, ids=[head[:30].decode("latin1") for head in HEADS])
def test_any_head_leads_to_an_answer_or_an_error(serve, status, head):
    server = serve(answering(b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, head, BODY)))
    with contextlib.suppress(HttpError):
        get(server.url)


@settings(max_examples=LONG, deadline=None)
@given(
    st.sampled_from([b"Date", b"Location", b"Set-Cookie", b"Retry-After", b"Content-Length", b"Content-Encoding"]),
    st.binary(max_size=60),
    st.sampled_from([b"200 OK", b"302 Found", b"429 Slow"]),
)
def test_any_header_is_an_answer_or_an_error(name, value, status):
    server = Server(answering(b"HTTP/1.1 %b\r\n%b: %b\r\n\r\n%b" % (status, name, value, BODY)))
    with contextlib.closing(server), contextlib.suppress(HttpError):
        session(server.url).exchange("GET", "/")


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HttpError, match=r"\[Errno 111\] Connection refused"):
        get(f"http://127.0.0.1:{port}")


def test_a_name_that_no_name_can_be():
    assert failure(f"http://{'x' * 70}.example") is Failure.NETWORK


# --- the connection ---------------------------------------------------------------------------------------------------


def test_one_connection_serves_many_exchanges(serve):
    server = serve(answering(*[with_length(BODY)] * 5))
    talk = session(server.url)
    assert [talk.exchange("GET", "/").body for _ in range(5)] == [BODY] * 5
    assert server.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_made_again(serve):
    server = serve(answering(with_length(BODY)))
    talk = session(server.url)
    for number in range(3):
        assert talk.exchange("GET", "/").body == BODY
        assert server.connections == number + 1
        time.sleep(0.05)


def test_what_comes_behind_an_answer_is_not_the_answer_to_the_next_request(serve):
    def script(wire: socket.socket) -> None:
        request(wire)
        wire.sendall(with_length(BODY))
        time.sleep(0.02)
        wire.sendall(with_length(b"not asked for"))
        silent(wire)

    server = serve(script)
    talk = session(server.url)
    for number in range(3):
        assert talk.exchange("GET", "/").body == BODY
        assert server.connections == number + 1
        time.sleep(0.1)


def test_a_connection_that_failed_is_not_used_again(serve):
    answers = iter([after_a_request(OK, silent), answering(with_length(BODY))])
    talk = session(serve(lambda wire: next(answers)(wire)).url)
    with pytest.raises(HttpError):
        talk.exchange("GET", "/")
    assert talk.exchange("GET", "/").body == BODY


def test_a_connection_that_a_signal_interrupted_is_not_used_again(serve):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    answers = iter([silent, answering(with_length(BODY))])
    talk = session(serve(lambda wire: next(answers)(wire)).url)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, STEP_S / 3)
    try:
        with pytest.raises(KeyboardInterrupt):
            talk.exchange("GET", "/")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert talk.exchange("GET", "/").body == BODY


def test_a_redirect_is_not_followed(serve):
    elsewhere = serve(answering(with_length(b"elsewhere")))
    redirect = b"HTTP/1.1 302 Found\r\nLocation: %b/\r\nContent-Length: 0\r\n\r\n" % elsewhere.url.encode()
    assert get(serve(answering(redirect)).url).status == 302
    assert elsewhere.connections == 0


def test_the_body_of_a_redirect_has_the_same_limit(serve):
    bomb = gzip.compress(bytes(100 * MAX_BYTES))
    head = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    assert failure(serve(answering(head + bomb)).url) is Failure.TOO_LARGE


def test_proxies_of_the_environment_are_not_used(serve, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(serve(answering(with_length(BODY))).url).body == BODY


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path, monkeypatch) -> Callable[..., ssl.SSLContext]:
    """Makes servers' certificates of an authority that this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return lambda name="127.0.0.1", **dates: context(authority.issue_cert(name, **dates))


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_over_tls_one_connection_serves_many_exchanges(serve, trusted):
    server = serve(answering(*[with_length(BODY)] * 3), trusted())
    talk = session(server.url)
    assert [talk.exchange("GET", "/").body for _ in range(3)] == [BODY] * 3
    assert server.connections == 1


def test_a_server_that_speaks_newer_http_is_told_which_one_we_speak(serve, trusted):
    chosen: list[str | None] = []

    def script(wire: ssl.SSLSocket) -> None:
        chosen.append(wire.selected_alpn_protocol())
        answering(with_length(BODY))(wire)

    tls = trusted()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    assert get(serve(script, tls).url).body == BODY
    assert chosen == ["http/1.1"]


def test_a_certificate_of_a_stranger_is_not_trusted(serve):
    stranger = trustme.CA().issue_cert("127.0.0.1")
    assert failure(serve(answering(with_length(BODY)), context(stranger)).url) is Failure.TLS


def test_a_certificate_with_another_name_is_not_trusted(serve, trusted):
    assert failure(serve(answering(with_length(BODY)), trusted("mercadopago.example")).url) is Failure.TLS


def test_a_server_without_tls_is_not_trusted(serve):
    server = serve(lambda wire: wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n") or silent(wire))
    assert failure(server.url.replace("http:", "https:")) is Failure.TLS


DAY = timedelta(days=1)


@pytest.mark.parametrize("age", [-30 * DAY, 30 * DAY], ids=["has ended", "has not begun"])
def test_a_certificate_that_is_not_valid_today_shows_that_the_clock_is_wrong(serve, trusted, age):
    begin = datetime.now(UTC) + age
    server = serve(answering(with_length(BODY)), trusted(not_before=begin, not_after=begin + DAY))
    assert failure(server.url) is Failure.CLOCK
