"""A wire that keeps what goes over it: a server that hands each request on to another one, and the answer back."""

import http.client
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

NOT_HANDED_ON = {"connection", "transfer-encoding", "server", "content-length"}
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. Header names are in lower case; a body that is no JSON is None."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: Any
    status: int
    answer_headers: dict[str, str]
    answer: Any


class Recorder:
    """Stands before the server at `url`; `exchanges` has what went through, in the order of the answers."""

    def __init__(self, url: str) -> None:
        self.exchanges: list[Exchange] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.recorder = self
        self.host = urlsplit(url).netloc
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        pass

    def _hand_on(self) -> None:
        recorder = self.server.recorder
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        onward = http.client.HTTPConnection(recorder.host, timeout=TIMEOUT_S)
        try:
            onward.request(self.command, self.path, body or None, dict(self.headers))
            response = onward.getresponse()
            answer = response.read()
        finally:
            onward.close()
        url = urlsplit(self.path)
        exchange = Exchange(
            self.command,
            url.path,
            tuple(parse_qsl(url.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            _json(body),
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            _json(answer),
        )
        recorder.exchanges.append(exchange)
        self._answer(response, answer)

    do_GET = do_PUT = do_POST = do_DELETE = _hand_on

    def _answer(self, response: http.client.HTTPResponse, answer: bytes) -> None:
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in NOT_HANDED_ON:
                self.send_header(name, value)
        if response.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def _json(body: bytes) -> Any:
    return json.loads(body) if body else None
