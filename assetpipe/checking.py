"""`check`: the verdict on a bundle or a GLB: is it what the manifest says, is it valid glTF as written and with its
compression taken off, does it keep its budgets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from assetpipe.bundle import Bundle, damage, read_bundle
from assetpipe.config import Config, Level, load_config, shipped_configs
from assetpipe.container import encode_geometry, write_glb
from assetpipe.errors import AssetpipeError, LimitExceeded, SourceError, UsageError
from assetpipe.quality import Finding, ValidatorReport, audit_glb, validate_glb
from assetpipe.sources import open_source, read_scene


class Checked(BaseModel):
    """What was found in one bundle or file."""

    model_config = ConfigDict(frozen=True)

    subject: str
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict == "fail"]

    @property
    def passed(self) -> bool:
        return not self.failures

    def raise_if_failed(self) -> None:
        """65 when a file is broken, 70 when it is sound but over a budget."""
        if self.passed:
            return
        first = self.failures[0]
        broken = any(not found.budget for found in self.failures)
        kind = SourceError if broken else LimitExceeded
        count = f"{len(self.failures)} checks failed" if len(self.failures) > 1 else "one check failed"
        raise kind("E_CHECK", f"{self.subject}: {count}: {first.message}")


def check_bundle(folder: Path, config_file: Path | None, category: str | None, profile: str | None) -> Checked:
    bundle = read_bundle(folder)
    config = load_config(config_file, category=category or _shipped(bundle.manifest.category))
    return Checked(subject=str(folder), findings=tuple(_bundle_findings(bundle, config, profile)))


def check_built(bundle: Bundle, config: Config) -> Checked:
    """Against the config that it was built with."""
    return Checked(subject=str(bundle.folder), findings=tuple(_bundle_findings(bundle, config, None)))


def check_file(path: Path, config: Config, level: str | None, profile: str | None) -> Checked:
    if level is not None and level not in config.levels:
        raise UsageError("E_LEVEL", f"no level is named {level!r}", hint=f"there are: {', '.join(config.levels)}")
    budget = config.levels[level] if level else None
    return Checked(subject=str(path), findings=tuple(_file_findings(path, config, budget, profile)))


def _shipped(category: str) -> str | None:
    return category if category in shipped_configs() else None


def _bundle_findings(bundle: Bundle, config: Config, profile: str | None) -> Iterator[Finding]:
    faults = damage(bundle)
    for fault in faults:
        yield Finding(check="intact", verdict="fail", message=fault)
    if not faults:
        count = len(bundle.recorded)
        yield Finding(check="intact", verdict="pass", message=f"{count} files are those that the manifest names")
    for record in bundle.manifest.levels:
        if not any(fault.startswith(f"{record.uri}:") for fault in faults):
            yield from _file_findings(bundle.folder / record.uri, config, config.levels.get(record.name), profile)


def _file_findings(path: Path, config: Config, level: Level | None, profile: str | None) -> Iterator[Finding]:
    with open_source(path, config.limits) as source:
        if source.format != "glb":
            raise UsageError("E_USAGE", f"{path}: `check` takes bundles and GLB files; this is {source.format}")
        yield _validity("valid", validate_glb(source.data, path.name))
        try:
            scene = read_scene(source, config.limits)
        except AssetpipeError as error:
            yield Finding(check="valid decoded", verdict="fail", message=error.message)
            return
        plain = config.compression.model_copy(update={"geometry": "none"})
        decoded = write_glb(scene, encode_geometry(scene, plain))
        yield _validity("valid decoded", validate_glb(decoded, f"{path.name}, decoded"))
        yield from audit_glb(source.data, level=level, name=path.name, profile=profile)


def _validity(check: str, report: ValidatorReport) -> Finding:
    if report.errors:
        first = report.messages[0]
        more = f" and {report.errors - 1} more" if report.errors > 1 else ""
        return Finding(check=check, verdict="fail", message=f"{report.name}: {first}{more}")
    counts = f"0 errors, warnings: {report.warnings}, notes: {report.infos}"
    return Finding(check=check, verdict="pass", message=f"{report.name}: Khronos validator: {counts}")
