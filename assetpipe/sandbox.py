"""Rights -> this process and all that it starts, without any others, for good: Landlock, and no network.

Linux only; needs neither root nor a tool. What the kernel is too old for is left out, and `landlock()` tells how much
that is. To be called before the first thread starts: Landlock binds the thread that asks, and those that come of it.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SWITCH = "ASSETPIPE_SANDBOX"
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""Of every architecture."""
ASK_VERSION, PATH_BENEATH = 1, 1
NO_NEW_PRIVILEGES = 38
NEW_NETWORK = 0x4000_0000
DROP_CAPABILITY, CAPABILITIES_3 = 24, 0x2008_0522
KEPT_CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 3
"""To own, read and write files of others: whoever runs us as root has sources of everybody. Without the rest root is
nobody in particular; with it root reads any process's environment, whatever Landlock says."""

EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14
READ = EXECUTE | READ_FILE | READ_FOLDER
OF_FILES = EXECUTE | READ_FILE | WRITE_FILE | TRUNCATE
BY_VERSION = ((1, (1 << 13) - 1), (2, 1 << 13), (3, TRUNCATE))
"""Version of Landlock and what it can forbid: to read, write, make and remove; to move elsewhere; to cut short."""
TCP = 0b11
"""To listen and to connect, since version 4."""
SCOPES = 0b11
"""Abstract sockets and signals reach nobody outside, since version 6."""


@dataclass(frozen=True)
class Rights:
    """Files, and folders with all that is in them; what does not exist is left out."""

    reads: tuple[Path, ...]
    """and executes"""
    writes: tuple[Path, ...]
    """and reads"""


@cache
def landlock() -> int:
    """Its version in this kernel; 0: there is none, or it is turned off."""
    with suppress(OSError, AttributeError):
        return _call(CREATE_RULESET, None, 0, ASK_VERSION)
    return 0


def confinement() -> str:
    """What confines builds here: `Landlock 7`; "" where nothing does."""
    return "" if _turned_off() else f"Landlock {landlock()}" if landlock() else ""


def unconfined() -> str:
    """Why builds are not confined, in a sentence; "" where they are."""
    if confinement():
        return ""
    why = f"{SWITCH}=off" if _turned_off() else "this kernel has no Landlock, or it is off"
    return f"builds are not confined ({why}): whoever takes one over can read and write what you can"


def _turned_off() -> bool:
    return os.environ.get(SWITCH) == "off"


def confine(rights: Rights) -> None:
    if _turned_off():
        return
    _leave_network()
    _drop_capabilities()
    version = landlock()
    if not version:
        return
    files = sum(right for since, right in BY_VERSION if version >= since)
    attributes = struct.pack("=QQQ", files, TCP if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _call(CREATE_RULESET, attributes, size, 0)
    try:
        _allow(rules, rights.reads, READ & files)
        _allow(rules, rights.writes, files)
        _call(RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        with suppress(OSError):
            at = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                mine = rights if path.is_dir() else rights & OF_FILES
                _call(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", mine, at), 0)
            finally:
                os.close(at)


def _leave_network() -> None:
    """Into one with no way out, where we may: Landlock knows of TCP only."""
    _libc().unshare(NEW_NETWORK)


def _drop_capabilities() -> None:
    """What is started has no more than we have, whatever its file says."""
    libc = _libc()
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for number in range(64):
        if not KEPT_CAPABILITIES >> number & 1:
            libc.prctl(DROP_CAPABILITY, number, 0, 0, 0)
    header, had = struct.pack("=Ii", CAPABILITIES_3, 0), ctypes.create_string_buffer(24)
    if libc.capget(header, had) == 0:
        effective, permitted, *_ = struct.unpack("=6I", had.raw)
        libc.capset(
            header, struct.pack("=6I", effective & KEPT_CAPABILITIES, permitted & KEPT_CAPABILITIES, 0, 0, 0, 0)
        )


def _call(number: int, *arguments: object) -> int:
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = _libc().syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc
