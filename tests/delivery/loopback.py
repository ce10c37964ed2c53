"""A loopback proxy in front of a server, on which requests go wrong by plan, and which keeps account of all of them.

with Proxy(server.url, lambda request: "reset" if request.number == 3 else None) as proxy: ...
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

from tests.delivery.faults import flipped

What = Literal[
    "429", "500", "503",
    "reset",            # before anything is done
    "lost",             # it is done, and nobody hears of it
    "stall",            # no answer, ever
    "flip",             # one bit of the body that is sent
    "flip answer",      # one bit of the body that is read
    "truncate answer",  # it ends early
    "slow",             # the body is taken at 4 MB/s
]  # fmt: skip
BIT = 12_345
CODES = {"429": "TooManyRequests", "500": "InternalError", "503": "SlowDown"}
HOP = {"connection", "expect", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Request:
    number: int
    """from 1"""
    method: str
    path: str
    body_bytes: int

    @property
    def is_part(self) -> bool:
        return self.method == "PUT" and "partNumber=" in self.path


Plan = Callable[[Request], What | None]


def fine(_request: Request) -> None:
    return None


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: str, plan: Plan = fine) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # what is slow is not to look sent
        self.plan, self.requests, self.upstream = plan, list[Request](), urlsplit(upstream).netloc
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.over = threading.Event()
        self._lock = threading.Lock()

    @property
    def sent_bytes(self) -> int:
        return sum(request.body_bytes for request in self.requests)

    def __enter__(self) -> Proxy:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()

    def note(self, method: str, path: str, body_bytes: int) -> Request:
        with self._lock:
            self.requests.append(Request(len(self.requests) + 1, method, path, body_bytes))
            return self.requests[-1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_PUT(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        what = self.server.plan(self.server.note(self.command, self.path, length))
        if what == "stall":
            self.server.over.wait(300)
        if what in ("stall", "reset"):
            self._reset()
            return
        if what == "slow":
            self._take_slowly(length)
            return
        body = self.rfile.read(length)
        if what in CODES:
            self._refuse(what)
            return
        status, headers, answer = self._forward(flipped(body, BIT) if what == "flip" else body)
        if what == "lost":
            self._reset()
        else:
            self._answer(status, headers, answer, what)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815

    def handle(self) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """With the Host that the client signed."""
        connection = http.client.HTTPConnection(self.server.upstream, timeout=300)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def _take_slowly(self, length: int) -> None:
        while length > 0:
            length -= len(self.rfile.read(min(200_000, length)))
            time.sleep(0.05)
        self._answer(200, [("ETag", '"slow"')], b"", None)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, what: What | None) -> None:
        self.send_response_only(status)
        length = next((value for name, value in headers if name.lower() == "content-length"), "0")
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if what == "truncate answer" and body:
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write(flipped(body, BIT) if what == "flip answer" else body)

    def _refuse(self, status: str) -> None:
        body = f"<Error><Code>{CODES[status]}</Code><Message>by plan</Message></Error>".encode()
        self._answer(int(status), [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else body, None)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.connection.close()
