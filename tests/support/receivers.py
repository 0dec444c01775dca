"""Receivers of alerts at their protocols: a mail server and a webhook, both real, on the loopback."""

import json
import queue
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from aiosmtpd.controller import Controller

from sim.network import HOST, free_port


class MailServer:
    """Takes every mail while it is up; `stop` and `start` keep the port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: queue.Queue[tuple[str, str]] = queue.Queue()
        """Subject and text."""
        self._controller: Controller | None = None

    @property
    def address(self) -> str:
        """For apprise."""
        return f"mailto://{HOST}:{self.port}?smtp={HOST}&mode=insecure&from=watch@example.net&to=me@example.net&format=text"

    def start(self) -> Self:
        self._controller = Controller(self, hostname=HOST, port=self.port)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
        self._controller = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        body = mail.get_body(("plain",))
        self.mails.put((str(mail["Subject"]), body.get_content() if body else ""))
        return "250 taken"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Webhook:
    """Takes every JSON document, and answers when `gate` is open."""

    def __init__(self) -> None:
        self.port = free_port()
        self.posts: queue.Queue[tuple[str, str]] = queue.Queue()
        """Title and text."""
        self.gate = threading.Event()
        self.gate.set()
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        """For apprise."""
        return f"json://{HOST}:{self.port}/alerts"

    def __enter__(self) -> Self:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.posts.put((post["title"], post["message"]))
                hook.gate.wait(60)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
