"""`python -m assetpipe.batch.template FD PURPOSE`: a process that has imported everything and, for builds, loaded every
kernel, once, and forks a child for each stage that it is asked for. Imports and kernels cost more than a small asset's
whole build, and imports alone five times what it takes to publish it.

One for builds holds no keys. None reads a source, or hears anything from its children but that they ended. A child
takes a session, a folder and a temporary folder of its own, and gives up its rights before it opens a source: it is as
much apart from the others as one that was started alone. Only where things lie in memory is the same for all.

Each message is a datagram: {"folder", "environment"} with the child's stdout and stderr to us; {"pid"}, and later
{"pid", "code"}, from us.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from typing import NoReturn, cast

from assetpipe.batch import child
from assetpipe.batch.forked import LOADED, Purpose

MOST = 200_000
"""Bytes of a message: an environment."""


def main() -> NoReturn:
    child.die_with(os.getppid())
    line = socket.socket(fileno=int(sys.argv[1]))
    _prepare(cast("Purpose", sys.argv[2]))
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    with selectors.DefaultSelector() as both:
        both.register(line, selectors.EVENT_READ)
        both.register(awake, selectors.EVENT_READ)
        while True:
            for key, _ in both.select():
                if key.fd == awake:
                    os.read(awake, 4_096)
                    _tell_of_ends(line)
                else:
                    _fork(line)


def _prepare(purpose: Purpose) -> None:
    """What every child imports, and the kernels, compiled where they are not."""
    for name in LOADED[purpose]:
        importlib.import_module(name)
    if purpose == "build":
        from assetpipe.batch.warm import kernel_modules
        from assetpipe.kernels import load

        for name in sorted(kernel_modules()):
            load(name)
    gc.collect()
    gc.freeze()  # what children share is not to be copied because somebody looks for garbage


def _fork(line: socket.socket) -> None:
    said, files, _, _ = socket.recv_fds(line, MOST, 2)
    if not said:
        sys.exit(0)
    order = json.loads(said)
    pid = os.fork()
    if not pid:
        _become_child(line, order["folder"], order["environment"], files)
    for each in files:
        os.close(each)
    line.send(json.dumps({"pid": pid}).encode())


def _tell_of_ends(line: socket.socket) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            line.send(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _become_child(line: socket.socket, folder: str, environment: dict[str, str], files: list[int]) -> NoReturn:
    """Nothing of what is ours outlives this, and no way leads back to our loop."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None
        nowhere = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nowhere, 0), (files[0], 1), (files[1], 2)):
            os.dup2(source, target)
        line.close()
        os.closerange(3, 256)
        child.main(os.getppid())
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
