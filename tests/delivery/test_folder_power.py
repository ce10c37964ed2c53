"""A folder store and power cuts: what a call that returned has written is on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assetpipe.delivery.folder import FolderStore
from tests.delivery.conformance import item

KEY, POINTER = "furniture/high/chair.0123456789abcdef.glb", "furniture/manifest/chair.json"


# power cuts


class Cuts:
    """What a power cut could take, by inode: bytes and records of files, names in folders. A sync makes it last."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.open: set[int] = set()
        self.named: list[int] = []
        """files that got a name before they were on the disk"""
        for name in ("write", "setxattr"):
            patch.setattr(os, name, self._dirtying(getattr(os, name)))
        for name, folder in (
            ("mkdir", "dir_fd"),
            ("link", "dst_dir_fd"),
            ("rename", "dst_dir_fd"),
            ("unlink", "dir_fd"),
        ):
            patch.setattr(os, name, self._naming(getattr(os, name), folder))
        patch.setattr(os, "fsync", self._last)

    def _dirtying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(handle: int, *rest: Any) -> Any:
            self.open.add(os.fstat(handle).st_ino)
            return call(handle, *rest)

        return done

    def _naming(self, call: Callable[..., Any], folder: str) -> Callable[..., Any]:
        def done(*args: Any, **kwargs: Any) -> Any:
            if folder not in kwargs:  # a path: the root, made step by step
                self.open.add(Path(args[0]).parent.stat().st_ino)
                return call(*args, **kwargs)
            if folder == "dst_dir_fd":
                inode = os.stat(args[0], dir_fd=kwargs["src_dir_fd"], follow_symlinks=False).st_ino
                self.named += [inode] if inode in self.open else []
            self.open.add(os.fstat(kwargs[folder]).st_ino)
            return call(*args, **kwargs)

        return done

    def _last(self, handle: int) -> None:
        self.open.discard(os.fstat(handle).st_ino)

    def at_risk(self, root: Path) -> list[str]:
        places = [*root.parents[:2], root, *root.rglob("*")]
        return [str(path) for path in places if path.stat().st_ino in self.open and ".assetpipe" not in path.parts]


def test_what_returned_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and records are on the disk before they get their name, and names, with those of all folders above them,
    before the call returns."""
    cuts = Cuts(monkeypatch)
    store = FolderStore(tmp_path / "on" / "store")
    calls: list[Callable[[], object]] = [
        lambda: store.put(item(KEY, b"glTF" * 1000)),
        lambda: store.replace(item(POINTER, b"1"), None),
        lambda: store.replace(item(POINTER, b"2"), _version(store, POINTER)),
        lambda: store.put(item(KEY.replace("chair", "sofa"), b"glTF")),
        lambda: store.delete(POINTER, _version(store, POINTER)),
    ]
    for call in calls:
        call()
        assert cuts.at_risk(tmp_path / "on" / "store") == []
    assert cuts.named == []


@pytest.mark.parametrize("times", [1, 2])
def test_what_a_dead_writer_had_linked_survives_a_power_cut_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """It died before its last sync: whoever then finds the object there, and says so, sees to that."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        FolderStore(tmp_path / "store").put(item(KEY, b"glTF"))
    synced, real = list[int](), os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), real(handle)))
    store = FolderStore(tmp_path / "store")
    for _ in range(times):
        assert store.put(item(KEY, b"glTF")) is False
    above = [tmp_path, *((tmp_path / "store" / KEY).parents)[:3]]
    assert {path.stat().st_ino for path in above} <= set(synced)


def _version(store: FolderStore, key: str) -> str:
    stat = store.stat(key)
    assert stat is not None
    return stat.version
