"""The nouns between the runner and its children: Order (what a child is to do) and Outcome (what it says it did).

Both are JSON files in the child's own folder. The runner takes an Outcome as it takes any input from outside: by size
and by schema, for the child has read a file that a stranger made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assetpipe.batch.plan import Item

ORDER, OUTCOME, LOG = "order.json", "outcome.json", "said.log"
MUTE = 74
"""Exit code of a child that found no room to write its outcome."""
MOST = 1_000_000
"""Bytes of an outcome."""
Stage = Literal["fetch", "build", "publish"]
Text = Annotated[str, Field(max_length=4_000)]


class Order(BaseModel):
    """One stage of one asset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Stage
    item: Item
    out: str
    """Bundles are `out/<asset>`."""
    source: str
    """A local path: the item's own, or where it was fetched to."""
    to: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    force: bool = False
    stages: bool = False
    """Whether results of stages are handed over a tray in the child's folder."""
    memory_bytes: Annotated[int, Field(gt=0)] | None = None
    """RLIMIT_DATA of the child."""
    cores: tuple[int, ...] = ()
    """That it may run on; empty: any."""
    runner: int
    """Its pid: a child whose parent is another has been orphaned before it could ask to die with it."""


class LevelFacts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, Field(max_length=80)]
    triangles: int
    bytes: int


class Outcome(BaseModel):
    """Of a stage. `code` is empty when all went well, else that of the error."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]{0,79})?$")] = ""
    message: Text = ""
    hint: Text = ""
    source: Annotated[str, Field(max_length=4_200)] = ""
    """Of a fetch: where the source is now."""
    levels: tuple[LevelFacts, ...] = Field(default=(), max_length=100)
    warnings: Annotated[int, Field(ge=0)] = 0
    revision: Annotated[str, Field(max_length=80)] = ""
    sent_bytes: Annotated[int, Field(ge=0)] = 0
    """To the store; what was there already is not sent."""
    confined: Annotated[str, Field(max_length=80)] = ""
    """What the build was confined by. The runner says so, whatever the child does."""


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Whole or not at all."""
    partial = folder / f"{OUTCOME}.partial"
    partial.write_text(outcome.model_dump_json(), encoding="utf-8")
    partial.replace(folder / OUTCOME)


def read_outcome(folder: Path) -> Outcome | None:
    """None when the child left none, or none that can be believed."""
    try:
        with (folder / OUTCOME).open("rb") as file:
            return Outcome.model_validate_json(file.read(MOST))
    except (OSError, ValidationError):
        return None
