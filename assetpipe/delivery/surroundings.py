"""What is around the objects of a store in S3: the bucket's own rules, and the CloudFront distribution before it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from assetpipe.delivery.faults import code_of, explaining
from assetpipe.delivery.s3 import S3Store
from assetpipe.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

TAG_HEADER = "x-amz-meta-cache-tag"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True)
class Bucket:
    """How the bucket is set up."""

    store: S3Store

    def there(self) -> str:
        with explaining(f"s3://{self.store.bucket}"):
            try:
                answer = self.store.client.head_bucket(Bucket=self.store.bucket)
            except ClientError as error:
                # The answer to a HEAD has no body that would say why; the same right lists, and that has.
                self.store.client.list_objects_v2(Bucket=self.store.bucket, MaxKeys=1)
                raise error
        region = answer.get("BucketRegion") or "region unknown"
        return f"{self.store.bucket}, {region}, at {self.store.client.meta.endpoint_url}"

    def not_public(self) -> str:
        answer = self._ask(
            lambda: self.store.client.get_public_access_block(Bucket=self.store.bucket), "PublicAccessBlock"
        )
        blocks = answer.get("PublicAccessBlockConfiguration", {}) if answer else {}
        off = [name for name in BLOCKS if not blocks.get(name)]
        if off:
            cure = "aws s3api put-public-access-block: CloudFront reads through its origin access control, nobody else"
            raise ConfigError("E_DOCTOR_PUBLIC", f"public access is not blocked: {', '.join(off)}", hint=cure)
        return "public access is blocked"

    def cors(self) -> str:
        answer = self._ask(lambda: self.store.client.get_bucket_cors(Bucket=self.store.bucket), "CORSConfiguration")
        rules: list[Any] = answer.get("CORSRules", []) if answer else []
        origins = sorted(
            {origin for rule in rules if "GET" in rule["AllowedMethods"] for origin in rule["AllowedOrigins"]}
        )
        if not origins:
            cure = "viewers on other hosts need a response headers policy of CloudFront, or a CORS rule with GET here"
            raise ConfigError("E_DOCTOR_CORS", "no other origin may GET from the bucket itself", hint=cure)
        return f"GET from {', '.join(origins)}"

    def lifecycle(self) -> str:
        call = self.store.client.get_bucket_lifecycle_configuration
        answer = self._ask(lambda: call(Bucket=self.store.bucket), "LifecycleConfiguration")
        rules: list[Any] = answer.get("Rules", []) if answer else []
        enabled = [rule for rule in rules if rule["Status"] == "Enabled"]
        ends = [rule["AbortIncompleteMultipartUpload"] for rule in enabled if "AbortIncompleteMultipartUpload" in rule]
        if not ends:
            cure = "add AbortIncompleteMultipartUpload after 3 days; `catalog gc` does it too"
            raise ConfigError("E_DOCTOR_LIFECYCLE", "nothing ends uploads that broke off", hint=cure)
        return f"uploads that broke off are ended after {min(each['DaysAfterInitiation'] for each in ends)} days"

    def accelerated(self) -> str:
        call = self.store.client.get_bucket_accelerate_configuration
        answer = self._ask(lambda: call(Bucket=self.store.bucket), "")
        if not answer or answer.get("Status") != "Enabled":
            cure = "aws s3api put-bucket-accelerate-configuration --accelerate-configuration Status=Enabled"
            raise ConfigError("E_DOCTOR_ACCELERATE", "the bucket has no Transfer Acceleration", hint=cure)
        return "Transfer Acceleration is on"

    def _ask(self, call: Callable[[], Any], what: str) -> Any | None:
        """None where the bucket has no such configuration."""
        with explaining(f"s3://{self.store.bucket}"):
            try:
                return call()
            except ClientError as error:
                if what and code_of(error).startswith("NoSuch") and what in code_of(error):
                    return None
                raise


@dataclass(frozen=True)
class Site:
    """A CloudFront distribution in front of the store."""

    store: S3Store
    distribution: str
    client: CloudFrontClient

    def serves(self) -> str:
        config = self._config()
        if not config["Enabled"]:
            raise ConfigError("E_DOCTOR_CDN_OFF", f"{self._place}: is disabled", hint="enable it")
        origin, path = self._origin(), self.store.prefix.rstrip("/")
        served = str(origin.get("OriginPath", "")).strip("/")
        if served and served != path and not path.startswith(f"{served}/"):
            cure = f"set the origin path to /{path}, or publish below s3://{self.store.bucket}/{served}"
            raise ConfigError("E_DOCTOR_CDN_PATH", f"{self._place}: serves /{served}, the store is /{path}", hint=cure)
        return f"{self.distribution} serves {origin['DomainName']}"

    def signs(self) -> str:
        if not self._origin().get("OriginAccessControlId"):
            cure = "give the origin an origin access control that signs always (the older OAI cannot read SSE-KMS)"
            raise ConfigError("E_DOCTOR_OAC", f"{self._place}: its origin has no access control", hint=cure)
        with explaining(f"s3://{self.store.bucket}"):
            try:
                policy = self.store.client.get_bucket_policy(Bucket=self.store.bucket)["Policy"]
            except ClientError as error:
                if code_of(error) != "NoSuchBucketPolicy":
                    raise
                policy = "{}"
        if not _lets_in(json.loads(policy), self.distribution):
            cure = (
                "allow cloudfront.amazonaws.com s3:GetObject in the bucket's policy, with AWS:SourceArn = the "
                "distribution's ARN; with SSE-KMS also kms:Decrypt in the key's policy"
            )
            raise ConfigError("E_DOCTOR_OAC", f"s3://{self.store.bucket}: does not let {self._place} read", hint=cure)
        return "CloudFront signs, and the bucket lets it in"

    def tags(self) -> str:
        header = self._config().get("CacheTagConfig", {}).get("HeaderName", "")
        if header.lower() != TAG_HEADER:
            cure = (
                f'set the distribution\'s CacheTagConfig.HeaderName to {TAG_HEADER}, or [publish] invalidate = "paths"'
            )
            said = f"{self._place}: reads cache tags from {header or 'nowhere'}"
            raise ConfigError("E_DOCTOR_CDN_TAGS", said, hint=cure)
        return f"cache tags are read from {TAG_HEADER}"

    def invalidates(self) -> str:
        paths = {"Quantity": 1, "Items": ["/doctor/probe"]}
        batch: Any = {"CallerReference": "assetpipe-doctor", "Paths": paths}
        with explaining(self._place):
            made = self.client.create_invalidation(DistributionId=self.distribution, InvalidationBatch=batch)
            self.client.get_invalidation(DistributionId=self.distribution, Id=made["Invalidation"]["Id"])
        return "invalidations can be made and waited for"

    @property
    def _place(self) -> str:
        return f"CloudFront distribution {self.distribution}"

    def _config(self) -> Any:
        with explaining(self._place):
            return self.client.get_distribution(Id=self.distribution)["Distribution"]["DistributionConfig"]

    def _origin(self) -> Any:
        for origin in self._config()["Origins"]["Items"]:
            if origin["DomainName"].split(".s3")[0] == self.store.bucket:
                return origin
        cure = "name the distribution that serves this bucket in [publish] distribution"
        raise ConfigError("E_DOCTOR_CDN_ORIGIN", f"{self._place}: has no origin in {self.store.bucket}", hint=cure)


def _lets_in(policy: Any, distribution: str) -> bool:
    for statement in policy.get("Statement", []):
        principal, actions = statement.get("Principal"), statement.get("Action", [])
        service = principal.get("Service", []) if isinstance(principal, dict) else []
        reads = {"s3:GetObject", "s3:Get*", "s3:*", "*"} & set([actions] if isinstance(actions, str) else actions)
        named = "cloudfront.amazonaws.com" in ([service] if isinstance(service, str) else service)
        whose = json.dumps(statement.get("Condition", {}))
        if statement.get("Effect") == "Allow" and named and reads and (f"/{distribution}" in whose or "/*" in whose):
            return True
    return False
