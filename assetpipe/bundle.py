"""The bundle on disk: a folder whose manifest was written last, by rename. A folder without one is no bundle."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assetpipe.errors import AssetpipeError, LimitExceeded, NotPermitted, SourceError, UsageError
from assetpipe.manifest import NAME, Manifest, parse_manifest


@dataclass(frozen=True)
class Bundle:
    folder: Path
    manifest: Manifest

    @property
    def recorded(self) -> dict[str, str]:
        """File name -> sha256 of all that the manifest vouches for."""
        files = {level.uri: level.sha256 for level in self.manifest.levels}
        if self.manifest.poster:
            files[self.manifest.poster.uri] = self.manifest.poster.sha256
        return files


def read_bundle(folder: Path) -> Bundle:
    try:
        data = (folder / NAME).read_bytes()
    except OSError:
        if any(folder.glob(f"*/{NAME}")):
            fault = f"{folder}: no bundle, but a folder of bundles"
            raise UsageError("E_NO_BUNDLE", fault, hint=f"write {folder}/*") from None
        raise SourceError(
            "E_NO_BUNDLE",
            f"{folder}: no bundle: it holds no {NAME}",
            hint="`assetpipe build SOURCE --out DIR` makes one",
        ) from None
    return Bundle(folder, parse_manifest(data, str(folder / NAME)))


def damage(bundle: Bundle) -> list[str]:
    """What in the folder is not what the manifest says, one sentence each."""
    return [fault for uri, sha256 in bundle.recorded.items() if (fault := _fault(bundle.folder / uri, sha256))]


def write_bundle(folder: Path, files: Mapping[str, bytes], manifest: Manifest) -> Bundle:
    """Write everything beside the folder, then move it in, manifest last. The caller holds `locked(folder)`."""
    partial = _partial(folder)
    with disk_faults(folder):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            for name, data in {**files, NAME: manifest.to_bytes()}.items():
                _write_durably(partial / name, data)
            _move_in(partial, folder, [*files, NAME])
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Bundle(folder, manifest)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the asset's lock: of two builds of one asset into one place, the second waits for the first."""
    path = folder.parent / f".{folder.name}.lock"
    with disk_faults(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        handle = _acquire(path)
    try:
        yield
    finally:
        shutil.rmtree(_partial(folder), ignore_errors=True)
        path.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def disk_faults(place: Path, option: str = "--out") -> Iterator[None]:
    """Turn the system's refusals into errors that say who must act; `option` is what they chose the place with."""
    try:
        yield
    except OSError as error:
        raise _disk_error(error, place, option) from error


def _disk_error(error: OSError, place: Path, option: str) -> AssetpipeError:
    another = f"choose another {option}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LimitExceeded("E_DISK_FULL", f"{place}: the disk is full", hint=f"free some space, or {another}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotPermitted("E_NOT_WRITABLE", f"{place}: may not be written", hint=f"{another}, or ask for rights")
    if error.errno == errno.EISDIR:
        return NotPermitted("E_IS_A_FOLDER", f"{place}: a folder stands where a file must be", hint=another)
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return NotPermitted("E_NOT_A_FOLDER", f"{place}: a file stands where a folder must be", hint=another)
    if error.errno == errno.ENAMETOOLONG:
        return NotPermitted("E_NAME_TOO_LONG", f"{place}: the name is too long for this file system", hint=another)
    return LimitExceeded("E_DISK", f"{place}: {error.strerror or error}", hint="check the disk")


def _acquire(path: Path) -> int:
    """A lock file may be removed by its holder between our open and our lock: then it's no lock, try again."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)


def _partial(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.partial"


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _move_in(partial: Path, folder: Path, names: list[str]) -> None:
    """A new bundle appears whole; an older one first stops being a bundle, then gets its new files, manifest last."""
    if not folder.exists():
        partial.rename(folder)
    else:
        stale = _recorded(folder) - set(names)
        (folder / NAME).unlink(missing_ok=True)
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for name in names:
            (partial / name).replace(folder / name)
    _sync_folder(folder)
    _sync_folder(folder.parent)


def _recorded(folder: Path) -> set[str]:
    try:
        return set(read_bundle(folder).recorded)
    except (SourceError, UsageError):
        return set()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fault(path: Path, sha256: str) -> str:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{path.name}: {(error.strerror or str(error)).lower()}"
    return "" if found == sha256 else f"{path.name}: its bytes are not those that the manifest names"
