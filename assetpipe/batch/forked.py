"""A folder with an order -> a running child: started anew, or forked from a template that has everything loaded.

There is one template for builds, which has no keys, and one for errands: what fetches and publishes. Each is started
when its first child is, and ends with us. Where one died another is started: its children have died with it.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

TEMPLATE = (sys.executable, "-m", "assetpipe.batch.template")
Purpose = Literal["build", "folder", "cloud"]
"""What a template is for: builds, and publishing into a folder or errands to the cloud."""
SENDING = ("assetpipe.batch.publishing", "assetpipe.bundle", "assetpipe.publishing")
CLOUD = ("s3", "dynamodb", "cloudfront", "messenger")
LOADED: dict[Purpose, tuple[str, ...]] = {
    "build": ("assetpipe.checking", "assetpipe.pipeline"),
    "folder": SENDING,
    "cloud": (*SENDING, "assetpipe.batch.remote", *(f"assetpipe.delivery.{name}" for name in CLOUD)),
}
"""Modules that the children of each import."""
MOST = 200_000
"""Bytes of a message."""
Environment = Mapping[str, str]


class Started(Protocol):
    """A child, ours or the template's."""

    @property
    def pid(self) -> int:
        """0: it has been asked for and is not born yet."""

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""

    def kill(self) -> None:
        """Also when it is not born yet."""


def spawn(command: Sequence[str], folder: Path, environment: Environment, said: tuple[int, int]) -> Started:
    """`said`: where its stdout and stderr go."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=said[0],
        stderr=said[1],
        start_new_session=True,
    )


class Forked:
    def __init__(self, template: Template) -> None:
        self._template = template
        self.pid = 0
        self.code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            self._template.listen()
        return self.code

    def kill(self) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        else:
            self._template.end()


class Template:
    """One process to fork from, and all that it forked. Safe to use from several threads."""

    def __init__(self, purpose: Purpose, environment: Environment, folder: Path) -> None:
        """`folder`: for what it leaves lying about."""
        self._lock = threading.Lock()
        self._folder = folder
        folder.mkdir(parents=True)
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*TEMPLATE, str(theirs.fileno()), purpose],
                env={**environment, "TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._unborn: deque[Forked] = deque()
        self._alive: dict[int, Forked] = {}
        self.works = False
        """It has forked somebody."""

    @property
    def gone(self) -> bool:
        return self._process.poll() is not None

    def fork(self, folder: Path, environment: Environment, said: tuple[int, int]) -> Started:
        child = Forked(self)
        message = json.dumps({"folder": str(folder), "environment": dict(environment)}).encode()
        with self._lock:
            self._unborn.append(child)
            try:
                socket.send_fds(self._line, [message], list(said))
            except OSError:
                self._bury()
        return child

    def listen(self) -> None:
        """To all that it has said by now."""
        with self._lock:
            while True:
                try:
                    said = self._line.recv(MOST, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return None
                except OSError:
                    said = b""
                if not said:
                    return self._bury()  # it is dead
                self._hear(json.loads(said))

    def end(self) -> None:
        """And whom it forked."""
        self._process.kill()
        self._process.wait()
        with self._lock:
            self._bury()

    def _hear(self, said: dict[str, int]) -> None:
        if "code" in said:
            self._alive.pop(said["pid"]).code = said["code"]
        else:
            child = self._unborn.popleft()
            child.pid, self.works = said["pid"], True
            self._alive[child.pid] = child

    def _bury(self) -> None:
        """Whom it forked dies with it, by the system's hand."""
        for child in (*self._unborn, *self._alive.values()):
            child.code = -signal.SIGKILL
        self._unborn.clear()
        self._alive.clear()
        self._line.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Nursery:
    """Where children come from. A template that dies before it has forked anybody is not tried again."""

    def __init__(self, purpose: Purpose, folder: Path) -> None:
        self._purpose = purpose
        self._folders = (folder / f"{purpose}-{count}" for count in itertools.count())
        self._template: Template | None = None
        self._works = True

    def start(self, command: Sequence[str], folder: Path, environment: Environment, said: tuple[int, int]) -> Started:
        if self._template and self._template.gone:
            self._works = self._template.works
            self.close()
        if not self._works:
            return spawn(command, folder, environment, said)
        self._template = self._template or Template(self._purpose, environment, next(self._folders))
        return self._template.fork(folder, environment, said)

    def close(self) -> None:
        """After the last child."""
        if self._template:
            self._template.end()
            self._template = None


class Nurseries:
    """Of one run, one for each purpose of children. Whoever closes them ends all that came from them. `folder` is
    theirs alone, and need not be there."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder
        self._of: dict[Purpose, Nursery] = {purpose: Nursery(purpose, folder) for purpose in LOADED}

    def __getitem__(self, purpose: Purpose) -> Nursery:
        return self._of[purpose]

    def close(self) -> None:
        for nursery in self._of.values():
            nursery.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def may_fork(device: str) -> bool:
    """CUDA does not survive a fork."""
    return device == "cpu" or not any(Path(each).exists() for each in ("/proc/driver/nvidia", "/dev/dxg"))
