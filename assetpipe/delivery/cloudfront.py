"""Batch -> Invalidation: CloudFront is told, once, and on request waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from assetpipe.delivery.cdn import Batch
from assetpipe.errors import AssetpipeError, ConfigError, NotPermitted, ServiceUnavailable, TryAgain

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

PAUSES = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds between tries while too many invalidations are in progress: one takes about a minute."""
POLL, PATIENCE = 5.0, 900.0
"""Seconds between looks at an invalidation, and until we give up on it."""
AGAIN = "run the same command again: what is published stays published, and caches are told then"
CREDENTIALS = "log in (`aws sso login`, `aws configure`) or set AWS_PROFILE; assetpipe keeps no credentials of its own"
Sleep = Callable[[float], None]


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
    sleep: Sleep = time.sleep

    def invalidate(self, batch: Batch) -> Invalidation:
        """Returns when it is accepted, not when it is done. The same batch again is the same invalidation."""
        for pause in (*PAUSES, None):
            try:
                return self._create(batch)
            except ClientError as error:
                if error.response["Error"]["Code"] != "TooManyInvalidationsInProgress" or pause is None:
                    raise _explained(self._place, error) from error
                self.sleep(pause)
            except BotoCoreError as error:
                raise _explained(self._place, error) from error
        raise AssertionError("the last pause is None")

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
            invalidation = self._look(invalidation)
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

    def _look(self, invalidation: Invalidation) -> Invalidation:
        try:
            answer = self.client.get_invalidation(DistributionId=self.distribution, Id=invalidation.id)
        except (ClientError, BotoCoreError) as error:
            raise _explained(self._place, error) from error
        done = _is_done(answer["Invalidation"]["Status"])
        return Invalidation(invalidation.id, invalidation.reference, invalidation.paths, done)


def _is_done(status: str) -> bool:
    return status.lower() == "completed"


def connect(distribution: str, endpoint_url: str | None = None) -> CloudFront:
    """By the standard AWS credential chain."""
    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=30)
    client: CloudFrontClient = boto3.session.Session().client(  # CloudFront is one service for all regions, and lives in this one
        "cloudfront", region_name="us-east-1", endpoint_url=endpoint_url, config=config
    )
    return CloudFront(client, distribution)


def _explained(place: str, error: ClientError | BotoCoreError) -> AssetpipeError:
    if isinstance(error, ClientError):
        return _refused(place, error.response["Error"]["Code"], error.operation_name, error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return NotPermitted("E_NO_CREDENTIALS", f"{place}: no AWS credentials were found", hint=CREDENTIALS)
    return ServiceUnavailable("E_CDN_UNREACHABLE", f"{place}: {type(error).__name__}: {error}", hint=AGAIN)


def _refused(place: str, code: str, operation: str, error: ClientError) -> AssetpipeError:
    if code == "NoSuchDistribution":
        return ConfigError(
            "E_CDN_DISTRIBUTION", f"{place}: there is none of this id", hint="see [publish] distribution"
        )
    if code in ("AccessDenied", "AccessDeniedException", "403", ""):
        return NotPermitted(
            "E_CDN_DENIED",
            f"{place}: not permitted: {operation}",
            hint=f"the role that publishes needs cloudfront:{operation} on this distribution",
        )
    if code in ("TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "TooManyRequestsException"):
        return TryAgain("E_CDN_BUSY", f"{place}: {code}", hint=AGAIN)
    return ServiceUnavailable("E_CDN", f"{place}: {code}: {error.response['Error'].get('Message', '')}", hint=AGAIN)
