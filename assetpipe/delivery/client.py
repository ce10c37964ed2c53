"""Settings -> a client of AWS, or of a server that speaks its language: session, timeouts, retries.

Credentials come from AWS' standard chain alone (environment, profile, SSO, role). Nothing here sees them.
"""

from __future__ import annotations

import logging
import os
import random
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore import __version__ as botocore_version
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from assetpipe.delivery.faults import DAMAGED, explained
from assetpipe.errors import ConfigError
from assetpipe.version import __version__

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

TALKATIVE = ("boto3", "botocore", "s3transfer", "urllib3")
SMALL = 1024 * 1024
"""Bytes of a body that is rather sent in vain."""
HOME = "us-east-1"
"""CloudFront's only region, and what servers other than AWS are told where no region is set."""


AGENT = f"assetpipe/{__version__} Botocore/{botocore_version}"
"""Given, for else botocore puts it together for each request anew: a tenth of the CPU time of one."""


class Access(Protocol):
    """What of `[publish]` a client needs; "" is unset."""

    @property
    def endpoint_url(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def kms_key(self) -> str: ...
    @property
    def accelerate(self) -> bool: ...
    @property
    def part_mb(self) -> int: ...
    @property
    def threads(self) -> int: ...


@dataclass(frozen=True)
class Patience:
    """How long one request is tried: `longest` seconds until a server that says nothing is given up on."""

    connect: float = 5.0
    read: float = 10.0
    tries: int = 4

    @property
    def longest(self) -> float:
        pauses = sum(min(2.0**n, 20.0) for n in range(self.tries - 1))  # botocore's, at their longest
        return self.tries * max(self.connect, self.read) + pauses


PATIENCE = Patience()


def s3_client(settings: Access, patience: Patience = PATIENCE) -> S3Client:
    _keep_quiet()
    foreign = settings.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if foreign and settings.accelerate:
        raise ConfigError(
            "E_STORE_ACCELERATE",
            "[publish] accelerate = true: is for AWS itself, and an endpoint is set",
            hint="set accelerate = false, or unset endpoint_url, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL",
        )
    # Checksums are given with every body, so botocore adds none: its own come as trailers, which other servers refuse.
    config = _config(patience, settings.threads).merge(
        ClientConfig(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"use_accelerate_endpoint": settings.accelerate},
        )
    )
    client: Any = _client("s3", settings.region or (HOME if foreign else ""), settings.endpoint_url, config)
    client.meta.events.register("needs-retry.s3", partial(_again, patience.tries))
    client.meta.events.register("before-call.s3", _send_small_at_once)
    if foreign:
        client.meta.events.register_last("before-parameter-build.s3", _stay_here)
    return cast("S3Client", client)


def cloudfront_client(threads: int = 4, patience: Patience = PATIENCE) -> CloudFrontClient:
    """`[publish] endpoint_url` is of S3 alone; AWS_ENDPOINT_URL_CLOUDFRONT overrides this one."""
    _keep_quiet()
    return cast("CloudFrontClient", _client("cloudfront", HOME, "", _config(patience, threads)))


def dynamodb_client(settings: Access, patience: Patience = PATIENCE) -> DynamoDBClient:
    """`[publish] endpoint_url` is of S3 alone; AWS_ENDPOINT_URL_DYNAMODB overrides this one."""
    _keep_quiet()
    foreign = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB") or os.environ.get("AWS_ENDPOINT_URL")
    region = settings.region or (HOME if foreign else "")
    return cast("DynamoDBClient", _client("dynamodb", region, "", _config(patience, settings.threads)))


def plain_client(service: str, region: str, patience: Patience = PATIENCE) -> Any:
    """Of a service of which a call or two are used. `[publish] endpoint_url` is of S3 alone."""
    _keep_quiet()
    name = {"events": "EVENTBRIDGE"}.get(service, service.upper())
    foreign = os.environ.get(f"AWS_ENDPOINT_URL_{name}") or os.environ.get("AWS_ENDPOINT_URL")
    return _client(service, region or (HOME if foreign else ""), "", _config(patience, 4))


def region_here() -> str | None:
    """AWS_REGION, which all of AWS' tools know but botocore. Without it botocore goes on to AWS_DEFAULT_REGION."""
    return os.environ.get("AWS_REGION") or None


def _again(tries: int, attempts: int, response: Any, **_: object) -> float | None:
    """Seconds until the next try of what botocore gives up on: bytes that arrived damaged, and 429 (S3's likes)."""
    if response is None or attempts >= tries:
        return None
    code = response[1].get("Error", {}).get("Code", "")
    if response[0].status_code != 429 and code not in DAMAGED:
        return None
    return random.random() * min(2.0 ** (attempts - 1), 20.0)  # noqa: S311  as botocore's own


def _stay_here(context: Any, **_: object) -> None:
    """A server that was named has no other regions. Where it answers 301 (http in place of https, say) botocore would
    ask it for the bucket's region, which is answered 301, until the stack is full."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _send_small_at_once(params: Any, **_: object) -> None:
    """botocore waits before each body for the server to say that it wants it: a way there and back more."""
    body = params.get("body")
    if isinstance(body, BytesIO) and len(body.getbuffer()) <= SMALL:
        params["headers"].pop("Expect", None)


def _client(service: str, region: str, endpoint_url: str, config: ClientConfig) -> object:
    try:
        session = Session()
        session.register_component("data_loader", _models())
        return session.create_client(
            service, region_name=region or region_here(), endpoint_url=endpoint_url or None, config=config
        )
    except (BotoCoreError, ClientError) as error:
        raise explained(error, f"AWS {service}") from error
    except ValueError as error:
        raise ConfigError(
            "E_STORE_ENDPOINT",
            f"AWS {service}: the endpoint that is set is no URL",
            hint="check [publish] endpoint_url, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL: https://host[:port]",
        ) from error


@cache
def _models() -> Loader:
    """Of AWS' services: to parse S3's takes 0.1 s, once for all clients."""
    return create_loader()


def _config(patience: Patience, threads: int) -> ClientConfig:
    return ClientConfig(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": "standard", "total_max_attempts": patience.tries},
        max_pool_connections=max(32, 2 * threads),
        tcp_keepalive=True,
        user_agent=AGENT,
    )


def _keep_quiet() -> None:
    """At DEBUG botocore writes session tokens and `Authorization` headers in clear, whatever handler listens."""
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
