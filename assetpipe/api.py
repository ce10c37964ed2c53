"""The public Python API: one call for each command. Paths may be strings; errors are those of `assetpipe.errors`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assetpipe.config import SLUG, SLUG_RULE, Config, load_config
from assetpipe.errors import UsageError
from assetpipe.log import Report, silent
from assetpipe.manifest import Manifest

if TYPE_CHECKING:
    from assetpipe.checking import Checked
    from assetpipe.health import Health
    from assetpipe.inspection import Inspection

Device = Literal["auto", "cpu", "cuda"]
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
    report: Report = silent,
) -> Manifest:
    """Source to bundle `out/<asset>/`; returns its manifest. Does nothing when the bundle is up to date. `device` is
    what bakes: `auto` takes a GPU where there is one, `cuda` fails where there is none."""
    from assetpipe.carve import Job
    from assetpipe.pipeline import build_asset, rehearse

    path = Path(source)
    name = asset_names([path], asset)[path]
    job = Job(path, Path(out) / name, _config(config, category), force, device, report)
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


def doctor(*, fix: bool = False) -> Health:
    """What this machine can do; `fix` installs what assetpipe itself may install."""
    from assetpipe.health import examine, mend

    if fix:
        mend()
    return examine()


def asset_names(sources: Sequence[Path], asset: str | None = None) -> dict[Path, str]:
    """Source -> name of its asset; two sources of one name are refused before any work."""
    if asset is not None and len(sources) > 1:
        raise UsageError("E_USAGE", f"--asset {asset} names one asset, {len(sources)} sources were given")
    if asset is not None and not SLUG.fullmatch(asset):
        raise UsageError("E_ASSET_NAME", f"{asset!r} cannot name an asset", hint=f"use {SLUG_RULE}")
    names: dict[Path, str] = {}
    for source in sources:
        name = asset or slug(source.stem)
        twin = next((other for other, taken in names.items() if taken == name and other != source), None)
        if twin:
            raise UsageError(
                "E_ASSET_TWICE", f"{twin} and {source} would both become the asset {name}", hint="name one with --asset"
            )
        names[source] = name
    return names


def slug(stem: str) -> str:
    """`Oak Chair (v2)` -> `oak-chair-v2`."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:80].rstrip("-_")
    if not name:
        raise UsageError("E_ASSET_NAME", f"no name can be made from {stem!r}", hint="give one with --asset")
    return name


def _config(config: Settings, category: str | None) -> Config:
    if isinstance(config, Config):
        return config
    return load_config(Path(config) if config else None, category=category)
