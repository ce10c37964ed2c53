"""A loopback server that refuses the first requests in CloudFront's words and passes the others on."""

from __future__ import annotations

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

ERROR = """<?xml version="1.0"?><ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">
<Error><Type>Sender</Type><Code>{code}</Code><Message>refused by the test</Message></Error>
<RequestId>1</RequestId></ErrorResponse>"""


class Refusing:
    """Counts what came in `requests`; refuses `times` times with `code`, then asks `upstream`."""

    def __init__(self, upstream: str, code: str, *, times: int, status: int = 400) -> None:
        self.requests: list[str] = []
        outer, left = self, iter(range(times))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append(f"{self.command} {self.path}")
                if next(left, None) is not None:
                    self._answer(status, ERROR.format(code=code).encode())
                    return
                connection = HTTPConnection(upstream.removeprefix("http://"), timeout=120)
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                self._answer(answer.status, answer.read())
                connection.close()

            do_GET = do_POST  # noqa: N815 - the name that http.server calls

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "text/xml")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Refusing:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
