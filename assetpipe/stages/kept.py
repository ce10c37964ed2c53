"""What the pipeline asks: a stage's result, from the shelf if it is there whole, else made now and put there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Generic, TypeVar

from assetpipe.errors import AssetpipeError
from assetpipe.stages.blobs import Blob, Blobs, Digests
from assetpipe.stages.entry import DamagedEntry, Entry, read_entry, write_entry
from assetpipe.stages.shelf import Shelf

Result = TypeVar("Result")
UNFIT = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OverflowError, DamagedEntry)
"""What taking apart a value raises that is not of the form that it should be."""


@dataclass(frozen=True)
class Codec(Generic[Result]):
    """A result as JSON that refers to blobs, and back. `base`: blobs that are there already when it is read."""

    pack: Callable[[Result, Blobs], Any]
    unpack: Callable[[Any, Sequence[Blob]], Result]
    base: Sequence[Blob] = ()


@dataclass(frozen=True)
class Kept:
    """Of one source. Without a shelf everything is made."""

    shelf: Shelf | None = None
    source: str = ""
    """sha256 of its main file: a hostile source's results lie apart from all others'."""
    say: Callable[[str], None] = lambda _said: None
    """Is told of faults of the shelf."""
    afresh: bool = False
    """Nothing is taken, what is made takes the place of what was there."""
    digests: Digests = field(default_factory=Digests, compare=False)
    _lost: list[str] = field(default_factory=list, repr=False, compare=False)
    """Why the shelf is of no use any more; whoever cannot be reached is not asked ten times."""
    _turn: RLock = field(default_factory=RLock, repr=False, compare=False)
    """Levels are made at the same time; the shelf may be a pipe, and has one reader and writer at a time."""

    def through(
        self,
        key: str,
        make: Callable[[], Result],
        codec: Codec[Result],
        *,
        fits: Callable[[Result], bool] = lambda _result: True,
    ) -> Result:
        """`fits`: whether what was kept is of use; where it is not, the new one takes its place."""
        with self._turn:
            found = self._take(key, codec)
        if found is not None and fits(found):
            return found
        made = make()
        with self._turn:
            self._keep(key, made, codec)
        return made

    def tidy(self) -> None:
        """Keep the shelf to its size."""
        if self.shelf is not None and not self._lost:
            self._guarded(self.shelf.trim)

    def _take(self, key: str, codec: Codec[Result]) -> Result | None:
        shelf = self.shelf
        if shelf is None or self._lost or self.afresh:
            return None
        name = self._name(key)
        data = self._guarded(lambda: _read(shelf, name))
        if data is None:
            return None
        try:
            entry = read_entry(name, data)
            return codec.unpack(_value(entry), (*codec.base, *entry.blobs))
        except UNFIT as fault:
            self.say(f"{shelf.place}: {name} {_said(fault)}: it is removed, and the stage done again")
            self._guarded(lambda: shelf.remove(name))
            return None

    def _keep(self, key: str, made: Result, codec: Codec[Result]) -> None:
        shelf = self.shelf
        if shelf is None or self._lost:
            return
        blobs, name = Blobs(codec.base), self._name(key)
        try:
            value = codec.pack(made, blobs)
            _, pieces = write_entry(name, {"of": value}, blobs.own)
        except (TypeError, ValueError, RecursionError):  # JSON that Python alone can hold; the container will say so
            return
        self._guarded(lambda: shelf.write(name, pieces))

    def _name(self, key: str) -> str:
        return f"{self.source}/{key}"

    def _guarded(self, do: Callable[[], Any]) -> Any:
        """A shelf that fails costs time, not the build."""
        try:
            return do()
        except (OSError, AssetpipeError) as fault:
            place = self.shelf.place if self.shelf else ""
            said = fault.message if isinstance(fault, AssetpipeError) else f"{place}: {fault.strerror or fault}"
            self._lost.append(said)
            self.say(f"stages are not kept: {said}")
            return None


def _read(shelf: Shelf, name: str) -> bytes | None:
    file = shelf.open(name)
    if file is None:
        return None
    with file:
        return file.read()


def _value(entry: Entry) -> Any:
    return entry.value["of"]


def _said(fault: Exception) -> str:
    return str(fault) if isinstance(fault, DamagedEntry) else "does not hold what it should"
