"""A stand-in of EC2's instance metadata, version 2: tokens are asked for, notices are given when a test says so."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACTION, REBALANCE = "/latest/meta-data/spot/instance-action", "/latest/meta-data/events/recommendations/rebalance"


class Metadata:
    """`said` is what each path answers with; all others are 404. `asked` has what was asked, in order."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.endpoint = ""
        self.dribbles = False
        """answers come a byte now and then, and have no end"""
        self.met = 0

    def notice(self, time: str = "2026-01-01T00:02:00Z") -> None:
        self.said[ACTION] = json.dumps({"action": "terminate", "time": time})

    def rebalance(self) -> None:
        self.said[REBALANCE] = json.dumps({"noticeTime": "2026-01-01T00:00:00Z"})


@contextmanager
def serving() -> Iterator[Metadata]:
    metadata = Metadata()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            metadata.met += 1
            if self.path != "/latest/api/token" or not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
                return self.answer(400)
            metadata.tokens.add(f"token-{len(metadata.tokens)}")
            return self.answer(200, f"token-{len(metadata.tokens) - 1}")

        def do_GET(self) -> None:
            metadata.met += 1
            metadata.asked.append(self.path)
            if self.headers.get("X-aws-ec2-metadata-token") not in metadata.tokens:
                return self.answer(401)
            body = metadata.said.get(self.path)
            return self.answer(404) if body is None else self.answer(200, body)

        def answer(self, code: int, body: str = "") -> None:
            with suppress(OSError):  # whoever asked has had enough
                while metadata.dribbles:
                    self.wfile.write(b"X")
                    time.sleep(0.01)
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    metadata.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield metadata
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
