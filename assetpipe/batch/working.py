"""What a worker is called with -> Slice: its assets, and the run that they belong to."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from assetpipe.batch.cloud import read_bytes
from assetpipe.batch.lease import FOLDER, Holder
from assetpipe.batch.plan import Item
from assetpipe.batch.slices import read_slice
from assetpipe.config import SLUG, SLUG_RULE, Publish
from assetpipe.errors import UsageError


@dataclass(frozen=True)
class Slice:
    run: str
    items: Sequence[Item]


def slice_of(plan: str, run: str | None, index: int | None, settings: Publish) -> Slice:
    data = read_bytes(plan, settings)
    return Slice(run_name(run or _named(plan) or hashlib.sha256(data).hexdigest()[:12]), read_slice(data, index, plan))


def here() -> Holder:
    """Who holds what this process works on."""
    token = uuid.uuid4().hex
    job = os.environ.get("AWS_BATCH_JOB_ID") or f"local-{token}"
    return Holder(job, int(os.environ.get("AWS_BATCH_JOB_ATTEMPT") or 1), token)


def run_name(run: str) -> str:
    if not SLUG.fullmatch(run):
        raise UsageError("E_RUN", f"{run!r} cannot name a run", hint=f"use {SLUG_RULE}")
    return run


def _named(plan: str) -> str | None:
    """`.../assetpipe.runs/night/plan-0123456789abcdef.jsonl` -> `night`."""
    parts = plan.split("/")
    return parts[-2] if len(parts) > 2 and parts[-3] == FOLDER else None
