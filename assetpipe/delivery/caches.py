"""What a store's settings say of the caches in front of it -> what they are told, and the telling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assetpipe.config import Publish
from assetpipe.delivery.cdn import Batch, Change, plan_paths, plan_tags
from assetpipe.log import Event, Report

FEW_PATHS = 100
"""More than this in one batch become a wildcard by category: CloudFront charges by path, pointers are small."""


@dataclass(frozen=True)
class Caches:
    """`url` is the store's."""

    url: str
    settings: Publish

    def plan(self, changes: Sequence[Change]) -> Batch | None:
        if not self.settings.distribution or self.settings.invalidate == "never":
            return None
        if self.settings.invalidate == "tags":
            return plan_tags(changes)
        return plan_paths(changes, self._root(), FEW_PATHS)

    def tell(self, batch: Batch, report: Report, *, wait: bool) -> None:
        from assetpipe.delivery.cloudfront import connect

        caches = connect(self.settings.distribution)
        told = caches.invalidate(batch)
        paths = f"{len(batch.paths)} path{'s'[: len(batch.paths) != 1]}"
        report(Event("note", "caches", f"told to forget {paths} (invalidation {told.id})"))
        if wait:
            report(Event("step", "caches", "waiting until viewers everywhere get what is published", 0.5))
            caches.wait(told)
            report(Event("done", "caches", "viewers everywhere get what is published", 1.0))

    def _root(self) -> str:
        from assetpipe.delivery.cloudfront import connect
        from assetpipe.delivery.s3 import parse_url

        if not self.url.startswith("s3://"):
            return "/"
        return connect(self.settings.distribution).root(*parse_url(self.url))
