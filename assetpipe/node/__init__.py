"""bytes -> one of our JavaScript tools under node -> bytes.

A tool is `<script>.mjs` in this folder: options as JSON in its first argument, data on stdin, result on stdout. What it
cannot do it says on stderr: exit code 65 blames the data, any other the tool (`io.mjs` does all this for a script).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from assetpipe.errors import AssetpipeError, LimitExceeded, ServiceUnavailable, SourceError
from assetpipe.node.packages import (
    GET_NODE,
    cache_folder,
    install_packages,
    packages_folder,
    packages_present,
    script_path,
)

if TYPE_CHECKING:
    from assetpipe.asset import Json

__all__ = [
    "cache_folder",
    "install_packages",
    "node_ready",
    "node_version",
    "packages_folder",
    "packages_present",
    "run_node",
]

OLDEST_NODE = 18
HEAP_MB = 4096
BAD_DATA = 65


def run_node(script: str, data: bytes | memoryview, *, options: Json | None = None, timeout: float = 60) -> bytes:
    """What `script`.mjs makes of `data`. `timeout` in seconds."""
    path = script_path(script)
    command = [_node(), f"--max-old-space-size={HEAP_MB}", str(path), json.dumps(options or {})]
    # A session of its own, so that a timeout ends whatever node has started too.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=path.parent,
        env={"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC", "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        result, said = process.communicate(bytes(data), timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        raise LimitExceeded("E_NODE_TIMEOUT", f"{script}: took longer than {timeout:g} s") from None
    except BaseException:
        _end(process)
        raise
    if process.returncode:
        raise _failure(script, process.returncode, said.decode(errors="replace"))
    return result


def node_ready() -> bool:
    """Whether `run_node` can run: node is new enough and the packages are installed."""
    try:
        _node()
    except ServiceUnavailable:
        return False
    return packages_present()


def node_version() -> str | None:
    """`20.20.2`, or None without node."""
    node = shutil.which("node")
    return _version(node) if node else None


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise ServiceUnavailable("E_NODE_MISSING", "node is not on PATH", hint=GET_NODE)
    version = _version(node)
    if version is None or int(version.split(".")[0]) < OLDEST_NODE:
        message = f"{node}: version {version or 'unknown'} is older than {OLDEST_NODE}"
        raise ServiceUnavailable("E_NODE_OLD", message, hint=GET_NODE)
    return node


@cache
def _version(node: str) -> str | None:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.fullmatch(r"v(\d+\.\d+\.\d+).*", done.stdout.strip())
    return found[1] if found else None


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _failure(script: str, code: int, said: str) -> AssetpipeError:
    if "heap out of memory" in said:
        return LimitExceeded("E_NODE_MEMORY", f"{script}: needs more than {HEAP_MB} MB of memory")
    if "Maximum call stack size exceeded" in said:
        return LimitExceeded("E_NODE_STACK", f"{script}: the data is nested too deeply")
    message = f"{script}: {_last_word(said) or f'node ended with {code}'}"
    if code == BAD_DATA:
        return SourceError("E_NODE_DATA", message)
    return ServiceUnavailable("E_NODE_FAILED", message)


def _last_word(said: str) -> str:
    """The line of node's stderr that names the fault: of an uncaught error, the one above the stack."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(\w*Error\b|Uncaught)", line)]
    return (errors or lines or [""])[-1][:1000]
