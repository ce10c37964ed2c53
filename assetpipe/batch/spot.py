"""The machine is to go -> one event, "drain", whatever said so: SIGTERM, or the instance metadata of a Spot instance.

EC2 gives two minutes' notice by metadata and, as containers are usually set up, no signal; Batch's own timeouts and
terminations give a signal and no notice. Whoever works looks at one event.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, IncompleteRead
from types import FrameType
from typing import cast
from urllib.parse import urlsplit

from assetpipe.errors import ConfigError

log = logging.getLogger("assetpipe")

POLL = 5.0
"""Seconds between two looks; AWS advises five."""
ANSWER = 1.0
"""Seconds in all that a question has for its answer: the metadata service is on the machine itself."""
MOST = 65_536
"""Bytes of an answer."""
TOKEN_SECONDS = 21_600
MISSES = 3
"""Looks in a row without an answer until we believe that there is no metadata service here."""
DEFAULT_ENDPOINT = "http://169.254.169.254"
ACTION, REBALANCE = "/latest/meta-data/spot/instance-action", "/latest/meta-data/events/recommendations/rebalance"

Say = Callable[[str], None]
Handler = Callable[[int, FrameType | None], object] | int | None


@dataclass(frozen=True)
class Drain:
    """Set once, never unset. `reasons` has what was said first."""

    event: threading.Event = field(default_factory=threading.Event)
    reasons: list[str] = field(default_factory=list)
    _started: list[float] = field(default_factory=list)

    def start(self, reason: str) -> None:
        if not self.event.is_set():
            self._started.append(time.monotonic())
            self.reasons.append(reason)
            self.event.set()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._started[0] if self._started else 0.0

    @property
    def on(self) -> bool:
        return self.event.is_set()

    @property
    def reason(self) -> str:
        return self.reasons[0] if self.reasons else ""

    def wait(self, seconds: float) -> bool:
        return self.event.wait(seconds)


@contextmanager
def draining(say: Say, *, poll: float = POLL) -> Iterator[Drain]:
    """Listen until the block ends. Signals can only be caught in the main thread; elsewhere metadata alone is heard."""
    drain, over, metadata = Drain(), threading.Event(), Metadata.here()
    before = _on_signals(drain)
    watcher = threading.Thread(target=_watch, args=(metadata, drain, over, say, poll), name="spot", daemon=True)
    watcher.start()
    try:
        yield drain
    finally:
        over.set()
        watcher.join(2 * ANSWER)
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def _on_signals(drain: Drain) -> dict[signal.Signals, Handler]:
    """SIGTERM, and the first Ctrl-C, drain; whoever presses it again wants out. What is ignored (nohup) stays so.
    Returns the handlers that were."""

    def hear(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        # This interrupts any line of the main thread, one inside of the event's own lock too: it must not wait for it.
        threading.Thread(target=drain.start, args=(signal.Signals(number).name,), daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = [each for each in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(each) != signal.SIG_IGN]
    return {number: signal.signal(number, hear) for number in heard}


def _watch(metadata: Metadata | None, drain: Drain, over: threading.Event, say: Say, poll: float) -> None:
    misses, advised = 0, False
    while metadata and not drain.on and not over.is_set():
        try:
            if notice := metadata.notice():
                drain.start(notice)
            elif not advised and (advice := metadata.advice()):
                advised = True
                say(advice)
            misses = 0
        except (OSError, HTTPException) as error:
            misses += 1
            if misses >= MISSES and not metadata.answered:
                log.debug("no instance metadata at %s (%s): no Spot notice will be seen", metadata.endpoint, error)
                return
        over.wait(poll)


class Metadata:
    """The instance metadata service, version 2: nothing is asked without a token."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._at = urlsplit(self.endpoint)
        if self._at.scheme != "http" or not self._at.hostname:
            fault = f"AWS_EC2_METADATA_SERVICE_ENDPOINT={endpoint}: is no http:// URL"
            raise ConfigError("E_METADATA", fault, hint=f"leave it unset, or say {DEFAULT_ENDPOINT}")
        self.answered = False
        """It has said something: there is such a service, whatever becomes of a look."""
        self._token = ""

    @classmethod
    def here(cls) -> Metadata | None:
        """None where the environment says that there is none, with the words of AWS's own SDKs."""
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        return cls(os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or DEFAULT_ENDPOINT)

    def notice(self) -> str:
        """When EC2 takes the machine; "" while it does not."""
        found = self._json(ACTION)
        return f"Spot notice: {found.get('action', 'terminate')} at {found.get('time', '?')}" if found else ""

    def advice(self) -> str:
        """EC2's guess that a notice is near. Nothing is stopped for it: a job is short, and it is often wrong."""
        found = self._json(REBALANCE)
        return f"EC2 expects to take this machine soon (said at {found.get('noticeTime', '?')})" if found else ""

    def _json(self, path: str) -> dict[str, str]:
        body = self._get_again(path)
        try:
            found = json.loads(body or b"{}")
        except ValueError:
            found = {"action": "unknown"} if path == ACTION else {}
        return found if isinstance(found, dict) else {}

    def _get_again(self, path: str) -> bytes:
        """Nothing for a 404; with a new token after a 401, once."""
        for _ in range(2):
            status, body = self._get(path)
            if status in (200, 404):
                return body if status == 200 else b""
            if status != 401:
                break
            self._token = ""
        raise OSError(f"{path}: HTTP {status}")

    def _get(self, path: str) -> tuple[int, bytes]:
        if not self._token:
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
            status, body = self._send("PUT", "/latest/api/token", ttl)
            if status != 200:
                raise OSError(f"token: HTTP {status}")
            self._token = body.decode("ascii", "replace").strip()
        return self._send("GET", path, {"X-aws-ec2-metadata-token": self._token})

    def _send(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body, or what has come of it, within `ANSWER` seconds in all: timeouts of urllib are for a read,
        and one byte now and then would hold us for ever. No proxy in the environment ever sees this."""
        until = time.monotonic() + ANSWER
        at = self._at
        lines = [f"{method} {at.path}{path} HTTP/1.1", f"Host: {at.netloc}", "Connection: close", "Content-Length: 0"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection((at.hostname, at.port or 80), timeout=ANSWER) as line:
            line.sendall("\r\n".join([*lines, "", ""]).encode("ascii", "replace"))
            said = _heard(line, until)
        self.answered = self.answered or bool(said)
        if b"\r\n\r\n" not in said:
            raise TimeoutError(f"{path}: no answer in {ANSWER:g} s")
        answer = HTTPResponse(cast("socket.socket", _Heard(said)), method=method)
        answer.begin()
        try:
            return answer.status, answer.read(MOST)
        except IncompleteRead as cut:
            return answer.status, cut.partial


@dataclass(frozen=True)
class _Heard:
    """What a socket has said, for http.client to read."""

    said: bytes

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.said)


def _heard(line: socket.socket, until: float) -> bytes:
    """All that comes until then, or until the other side has done."""
    said = bytearray()
    with suppress(TimeoutError):
        while len(said) < MOST and (left := until - time.monotonic()) > 0:
            line.settimeout(left)
            if not (piece := line.recv(4_096)):
                break
            said += piece
    return bytes(said)
