"""The Python API of batches: one call for each command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assetpipe.errors import UsageError
from assetpipe.log import Report, silent

if TYPE_CHECKING:
    from assetpipe.batch.plan import Item
    from assetpipe.batch.planning import Plan
    from assetpipe.batch.run import Summary
    from assetpipe.stages.shelf import Shelf

Device = Literal["auto", "cpu", "cuda"]
OUT = Path("assetpipe-batch")


def plan_batch(
    sources: Sequence[Path | str],
    *,
    out: Path | str | None = None,
    category: str | None = None,
    config: Path | str | None = None,
    to: str | None = None,
    shard: tuple[int, int] = (1, 1),
    report: Report = silent,
) -> Plan:
    """What there is to do, one Item an asset; written to `out` too. Whatever is published in `to` as it would come out
    is left out. `shard`: share i of n, from 1."""
    from assetpipe.batch.found import is_remote
    from assetpipe.batch.plan import write_plan
    from assetpipe.batch.planning import Wanted, plan_sources
    from assetpipe.batch.publishing import published_in

    settings = str(config if config is None or is_remote(str(config)) else Path(config).absolute()) if config else None
    wanted = Wanted(category, settings, published_in(to, config) if to else None, shard, report)
    plan = plan_sources([str(source) for source in sources], wanted)
    if out is not None:
        write_plan(Path(out), plan.items)
    return plan


def run_batch(
    sources: Sequence[Path | str],
    *,
    out: Path | str | None = None,
    to: str | None = None,
    category: str | None = None,
    config: Path | str | None = None,
    workers: int | None = None,
    deadline: float = 3600.0,
    memory_mb: int | None = None,
    retries: int = 3,
    force: bool = False,
    device: Device = "auto",
    cache: Path | str | Shelf | None = None,
    metrics: Path | str | None = None,
    report: Report = silent,
) -> Summary:
    """Each asset in a process of its own: built into `out`, and published when `to` is given. `sources` are one plan,
    or what `plan_batch` takes. Started again with the same `out` it goes on where it was stopped. Ended early by
    SIGTERM or SIGINT it raises TryAgain. `cache`: as `build` takes it. `metrics`: a file that gets lines of each asset,
    for CloudWatch."""
    from assetpipe.batch.gauge import gauged
    from assetpipe.batch.run import carry_out
    from assetpipe.batch.tasks import Batch, Rules
    from assetpipe.config import load_config
    from assetpipe.stages.open_shelf import open_shelf

    if out is None and to is None:
        raise UsageError("E_USAGE", "neither --out nor --to says where the bundles go", hint="give one of them")
    items, left_out = _items(sources, category, config, to, report)
    rules = Rules(workers, deadline, memory_mb, retries, device=device, force=force)
    shelf = open_shelf(cache, load_config(Path(config) if config else None).publish)
    batch = Batch(items, Path(out or OUT), to, keep=out is not None, rules=rules, shelf=shelf, report=report)
    with gauged(batch, Path(metrics) if metrics else None) as batch:
        return replace(carry_out(batch), left_out=left_out)


def _items(
    sources: Sequence[Path | str], category: str | None, config: Path | str | None, to: str | None, report: Report
) -> tuple[tuple[Item, ...], int]:
    from assetpipe.batch.plan import is_plan, read_plan

    if len(sources) == 1 and is_plan(Path(sources[0])):
        if category or config:
            fault = f"{sources[0]}: is a plan: its lines have categories and configs of their own"
            raise UsageError("E_USAGE", fault, hint="give --category and --config to `batch plan`")
        return tuple(read_plan(Path(sources[0]))), 0
    plan = plan_batch(sources, category=category, config=config, to=to, report=report)
    return plan.items, len(plan.left_out)
