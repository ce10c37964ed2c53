"""Batch -> Invalidation: CloudFront is told, once, and on request waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from assetpipe.delivery.cdn import Batch
from assetpipe.delivery.client import cloudfront_client
from assetpipe.delivery.faults import code_of, explaining
from assetpipe.errors import ConfigError, NotPermitted, TryAgain

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

PAUSES = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds between tries while too many invalidations are in progress: one takes about a minute."""
POLL, PATIENCE = 5.0, 900.0
"""Seconds between looks at an invalidation, and until we give up on it."""
FULL = "TooManyInvalidationsInProgress"


@dataclass(frozen=True)
class Invalidation:
    """As CloudFront accepted it."""

    id: str
    reference: str
    paths: tuple[str, ...]
    done: bool


@dataclass(frozen=True)
class CloudFront:
    """One distribution."""

    client: CloudFrontClient
    distribution: str
    sleep: Callable[[float], None] = time.sleep

    def invalidate(self, batch: Batch) -> Invalidation:
        """Returns when it is accepted, not when it is done. The same batch again is the same invalidation."""
        with self._explaining():
            for pause in PAUSES:
                try:
                    return self._create(batch)
                except ClientError as error:
                    if code_of(error) != FULL:
                        raise
                self.sleep(pause)
            return self._create(batch)

    def root(self, bucket: str, prefix: str) -> str:
        """What viewers see before a store's keys: its prefix, less what the distribution itself puts before (its
        OriginPath). Who may not look at the distribution is taken to have no OriginPath."""
        try:
            with self._explaining():
                answer = self.client.get_distribution(Id=self.distribution)
        except NotPermitted:
            return _root(prefix)
        origins = answer["Distribution"]["DistributionConfig"]["Origins"]["Items"]
        hidden = {one["OriginPath"].strip("/") for one in origins if one["DomainName"].partition(".s3")[0] == bucket}
        return _root(prefix, next(iter(hidden)) if len(hidden) == 1 else "")

    def wait(self, invalidation: Invalidation) -> Invalidation:
        """Until viewers everywhere get what is published."""
        # boto3's own waiter knows the word `Completed` in this spelling alone.
        waited = 0.0
        while not invalidation.done:
            if waited >= PATIENCE:
                raise TryAgain(
                    "E_CDN_SLOW",
                    f"{self._place}: invalidation {invalidation.id} is not done after {PATIENCE:.0f} s",
                    hint="nothing is lost: CloudFront goes on with it (`aws cloudfront get-invalidation` shows it)",
                )
            self.sleep(POLL)
            waited += POLL
            with self._explaining():
                answer = self.client.get_invalidation(DistributionId=self.distribution, Id=invalidation.id)
            invalidation = replace(invalidation, done=_is_done(answer["Invalidation"]["Status"]))
        return invalidation

    @property
    def _place(self) -> str:
        return f"CloudFront distribution {self.distribution}"

    def _create(self, batch: Batch) -> Invalidation:
        answer = self.client.create_invalidation(
            DistributionId=self.distribution,
            InvalidationBatch={
                "CallerReference": batch.reference,
                "Paths": {"Quantity": len(batch.paths), "Items": list(batch.paths)},
            },
        )
        made = answer["Invalidation"]
        return Invalidation(made["Id"], batch.reference, batch.paths, _is_done(made["Status"]))

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        with explaining(self._place):
            try:
                yield
            except ClientError as error:
                if code_of(error) == "NoSuchDistribution":
                    raise ConfigError(
                        "E_CDN_DISTRIBUTION",
                        f"{self._place}: there is none of this id",
                        hint="mend [publish] distribution",
                    ) from error
                if code_of(error) == FULL:
                    raise TryAgain(
                        "E_CDN_BUSY",
                        f"{self._place}: too many invalidations are in progress",
                        hint="the same command later tells it: what is published stays published",
                    ) from error
                raise


def connect(distribution: str) -> CloudFront:
    return CloudFront(cloudfront_client(), distribution)


def _is_done(status: str) -> bool:
    return status.lower() == "completed"


def _root(prefix: str, hidden: str = "") -> str:
    own = prefix.strip("/")
    if hidden and f"{own}/".startswith(f"{hidden}/"):
        own = own[len(hidden) :].strip("/")
    return f"/{own}/" if own else "/"
