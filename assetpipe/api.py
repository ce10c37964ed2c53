"""The public Python API: one call for each command. Paths may be strings; errors are those of `assetpipe.errors`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from assetpipe.config import Config, load_config
from assetpipe.errors import UsageError
from assetpipe.log import Report, silent
from assetpipe.manifest import Manifest
from assetpipe.names import asset_names as asset_names
from assetpipe.names import slug as slug

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from assetpipe.carve import Job
    from assetpipe.checking import Checked
    from assetpipe.delivery.catalog import Entry
    from assetpipe.delivery.pointer import Status
    from assetpipe.delivery.publish import Published
    from assetpipe.delivery.unfinished import Waiting
    from assetpipe.health import Health
    from assetpipe.inspection import Inspection
    from assetpipe.publishing import Run
    from assetpipe.shelves import Cleared, Shown, Tended
    from assetpipe.stages.shelf import Shelf

Device = Literal["auto", "cpu", "cuda"]
Cache: TypeAlias = "Path | str | Shelf | None"
Settings = Config | Path | str | None
"""A config, a TOML file whose keys override the defaults, or None for the defaults."""


def inspect(source: Path | str, *, config: Settings = None, category: str | None = None) -> Inspection:
    """What is in a source, and what a build would make of it."""
    from assetpipe.inspection import inspect_source

    return inspect_source(Path(source), _config(config, category))


def build(
    source: Path | str,
    *,
    out: Path | str,
    config: Settings = None,
    category: str | None = None,
    asset: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    device: Device = "auto",
    cache: Cache = None,
    report: Report = silent,
) -> Manifest:
    """Source to bundle `out/<asset>/`; returns its manifest. Does nothing when the bundle is up to date. `device` is
    what bakes: `auto` takes a GPU where there is one, `cuda` fails where there is none. `cache` is where results of
    stages are kept: a folder, an `s3://` URL, None for the user's own cache folder, "off" for nowhere."""
    from assetpipe.carve import Job
    from assetpipe.pipeline import build_asset, rehearse
    from assetpipe.stages.open_shelf import open_shelf

    path, settings = Path(source), _config(config, category)
    name = asset_names([path], asset)[path]
    job = Job(path, Path(out) / name, settings, force, device, report, open_shelf(cache, settings.publish))
    return rehearse(job) if dry_run else build_asset(job).bundle.manifest


def check(
    subject: Path | str,
    *,
    config_file: Path | None = None,
    category: str | None = None,
    level: str | None = None,
    profile: str | None = None,
) -> Checked:
    """Audit a bundle (a folder) or a GLB file."""
    from assetpipe.checking import check_bundle, check_file

    path = Path(subject)
    if path.is_dir():
        if level:
            raise UsageError("E_USAGE", "--level is for GLB files; a bundle's files know their levels")
        return check_bundle(path, config_file, category, profile)
    return check_file(path, load_config(config_file, category=category), level, profile)


def publish(
    bundle: Path | str,
    *,
    to: Path | str,
    config: Settings = None,
    dry_run: bool = False,
    wait: bool = False,
    report: Report = silent,
) -> Published:
    """Bundle to store, catalog and caches; sends only what is not there. `to` is a folder or `s3://bucket/prefix`;
    `wait` returns when viewers everywhere get it."""
    from assetpipe.bundle import read_bundle

    with open_run(to, config=config, dry_run=dry_run, wait=wait, report=report) as run:
        return run.publish(read_bundle(Path(bundle)))


def ingest(
    source: Path | str,
    *,
    to: Path | str,
    category: str | None = None,
    config: Settings = None,
    out: Path | str | None = None,
    asset: str | None = None,
    force: bool = False,
    device: Device = "auto",
    cache: Cache = None,
    dry_run: bool = False,
    wait: bool = False,
    report: Report = silent,
) -> Published:
    """Build, check, publish; a bundle that fails its check is not published. Without `out` the bundle is kept in
    `bundle_cache()`, so that the next run builds only what changed."""
    settings = _config(config, category)
    with open_run(to, config=settings, dry_run=dry_run, wait=wait, report=report) as run:
        job = ingest_job(source, settings, out=out, asset=asset, force=force, device=device, cache=cache, report=report)
        return run.ingest(job)


def ingest_job(
    source: Path | str,
    config: Config,
    *,
    out: Path | str | None = None,
    asset: str | None = None,
    force: bool = False,
    device: Device = "auto",
    cache: Cache = None,
    report: Report = silent,
) -> Job:
    """What `Run.ingest` takes."""
    from assetpipe.carve import Job
    from assetpipe.stages.open_shelf import open_shelf

    path = Path(source)
    folder = (Path(out) if out else bundle_cache() / config.category) / asset_names([path], asset)[path]
    return Job(path, folder, config, force, device, report, open_shelf(cache, config.publish))


def bundle_cache() -> Path:
    """Where `ingest` keeps bundles when it is not told where; may be removed at any time."""
    from assetpipe.node import cache_folder

    return cache_folder() / "bundles"


def open_run(
    to: Path | str,
    *,
    config: Settings = None,
    dry_run: bool = False,
    wait: bool = False,
    report: Report = silent,
) -> AbstractContextManager[Run]:
    """To publish many: `with open_run(store) as run: run.publish_all(folders)`. Caches are told once, at the end."""
    from assetpipe import publishing

    settings = _config(config, None).publish
    return publishing.open_run(str(to), settings, dry_run=dry_run, wait=wait, report=report)


def catalog_list(
    store: Path | str, category: str | None = None, status: Status | None = None, *, config: Settings = None
) -> Iterator[Entry]:
    """What is published, newest first."""
    from assetpipe.shelves import newest

    with _existing(store, config, looking=True) as run:
        yield from newest(run.catalog, category, status)


def catalog_show(store: Path | str, asset: str, *, config: Settings = None) -> Shown:
    """One asset, `name` or `category/name`: what is current, how it came so, what it can be rolled back to."""
    from assetpipe.shelves import show

    with _existing(store, config, looking=True) as run:
        return show(run, asset)


def catalog_verify(
    store: Path | str,
    category: str | None = None,
    *,
    mend: bool = False,
    discard: bool = False,
    config: Settings = None,
    report: Report = silent,
) -> Tended:
    """Read and hash everything again; `mend` makes stale catalog entries and indexes anew, `discard` deletes damaged
    payloads and history, which the next publish of the asset then puts back."""
    from assetpipe.shelves import tend

    with _existing(store, config, looking=not (mend or discard), report=report) as run:
        return tend(run, category, mend=mend, discard=discard)


def catalog_rollback(
    store: Path | str,
    asset: str,
    *,
    revision: str | None = None,
    dry_run: bool = False,
    wait: bool = False,
    config: Settings = None,
    report: Report = silent,
) -> Published:
    """Make an earlier revision current: the one named by its first digits, or the one before."""
    from assetpipe.shelves import find

    with _existing(store, config, looking=dry_run, wait=wait, report=report) as run:
        return run.rollback(find(run.catalog, run.store.url, asset), revision, dry_run=dry_run)


def catalog_gc(
    store: Path | str,
    days: float | None = None,
    *,
    dry_run: bool = False,
    config: Settings = None,
    report: Report = silent,
) -> Cleared:
    """Delete what nothing published has named for `days` ([publish] keep_days else), then in the replica."""
    from assetpipe.shelves import clear

    with _existing(store, config, looking=dry_run, report=report) as run:
        keep = run.settings.keep_days if days is None else days
        return clear(run, keep, dry_run=dry_run)


def catalog_finish(
    store: Path | str,
    category: str | None = None,
    *,
    dry_run: bool = False,
    config: Settings = None,
    report: Report = silent,
) -> tuple[Waiting, ...]:
    """Do what publishers left that were stopped: write indexes, tell caches and shop, bring up the replica. Of
    `category`, or of all in which anything is left; returns what was."""
    from assetpipe.shelves import finish

    with _existing(store, config, report=report) as run:
        return finish(run, category, dry_run=dry_run)


def catalog_unfinished(store: Path | str, *, config: Settings = None) -> tuple[str, ...]:
    """Categories in which publishers of a batch began a round of indexes and never ended it: a few requests, unlike
    `catalog_finish(dry_run=True)`, which reads the catalog."""
    from assetpipe.delivery.rounds import Rounds

    with _existing(store, config, looking=True) as run:
        return tuple(Rounds(run.store, run.settings.index_seconds).unfinished())


def catalog_init(store: Path | str, *, config: Settings = None) -> tuple[str, bool]:
    """Make the table that an S3 store's catalog is kept in; where it is, and whether it had to be made."""
    from assetpipe.delivery.open_catalog import make_catalog

    with _existing(store, config) as run:
        return run.catalog.place, make_catalog(run.catalog)


def doctor(*, fix: bool = False, store: Path | str | None = None, config: Settings = None) -> Health:
    """What this machine can do, or what a publish to `store` needs; `fix` installs what assetpipe may install."""
    if store is not None:
        from assetpipe.store_health import examine_place

        return examine_place(str(store), _config(config, None).publish)
    from assetpipe.health import examine, mend

    if fix:
        mend()
    return examine()


def _config(config: Settings, category: str | None) -> Config:
    if isinstance(config, Config):
        return config
    return load_config(Path(config) if config else None, category=category)


def _existing(
    store: Path | str, config: Settings, *, looking: bool = False, wait: bool = False, report: Report = silent
) -> AbstractContextManager[Run]:
    from assetpipe import publishing

    settings = _config(config, None).publish
    return publishing.open_existing(str(store), settings, looking=looking, wait=wait, report=report)
