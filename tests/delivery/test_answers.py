"""What a service may answer in place of S3's own words -> one sentence, a hint, an exit code, whatever the command."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.commands import run
from tests.delivery.bundles import bundle

XML = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'
HERE = {"x-amz-bucket-region": "eu-west-1"}
Answer = tuple[int, dict[str, str], str]
ANSWERS: dict[str, tuple[Answer, int, str]] = {
    "another region": ((301, HERE, XML.format("PermanentRedirect", "use the endpoint")), 78, 'region = "eu-west-1"'),
    "another region, bare": ((301, {}, ""), 78, "set [publish] region"),
    "signed for another": (
        (400, HERE, XML.format("AuthorizationHeaderMalformed", "wrong")),
        78,
        'region = "eu-west-1"',
    ),
    "clock": ((403, {}, XML.format("RequestTimeTooSkewed", "too large")), 77, "set this machine's clock"),
    "expired": ((400, {}, XML.format("ExpiredToken", "has expired")), 77, "log in"),
    "refused": ((403, {}, XML.format("AccessDenied", "no")), 77, "allow s3:"),
    "a hotel's page": ((200, {"Content-Type": "text/html"}, "<html>log in</html>"), 69, "login page"),
    "a web server's": ((404, {"Content-Type": "text/html"}, "<html>none</html>"), 69, ""),
    "not offered": ((501, {}, XML.format("NotImplemented", "no")), 69, "conditional writes"),
}


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that says the same to everybody."""
    status, headers, text = answer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that has heard enough hangs up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_is_answered_is_said_in_one_sentence(tmp_path: Path, name: str) -> None:
    """By publish, verify, gc and the doctor alike."""
    answer, code, cure = ANSWERS[name]
    given = bundle(tmp_path).folder
    with answering(answer) as url:
        config = tmp_path / "shop.toml"
        config.write_text(f'[publish]\nendpoint_url = "{url}"\ncatalog = "sqlite:{tmp_path}/c.sqlite"\n')
        place = ("--config", config)
        for words in (
            ("publish", given, "--to", "s3://bucket/eu"),
            ("catalog", "verify", "--store", "s3://bucket/eu"),
            ("catalog", "gc", "--store", "s3://bucket/eu"),
            ("doctor", "--store", "s3://bucket/eu"),
        ):
            done = run(*words, *place)
            wanted = 69 if words[0] == "doctor" else code
            assert (done.code, done.err.count("error: "), "Traceback" in done.err) == (wanted, 1, False), done.err
            assert cure in done.out + done.err
