"""The store, the sources, the catalog. What is published and what it came from outlives the stack."""

from __future__ import annotations

from assetpipe.batch.stack.names import HIDDEN, INCOMING, RUNS, STAGES, Json, Wishes, att, ref, resource, s3_arn, sub
from assetpipe.delivery.dynamodb import table_definition

KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
NOT_PUBLIC = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
PARTS_DAYS, OLD_DAYS, RUNS_DAYS = 3, 30, 180
"""Days until uploads that broke off end, until replaced objects go, until what runs wrote down goes."""


def storage(wishes: Wishes) -> Json:
    return {
        "Store": resource("S3::Bucket", _store(wishes), **KEPT),
        "StorePolicy": _policy("Store", wishes.bucket, _for_the_site(wishes)),
        "Sources": resource("S3::Bucket", _sources(wishes), **KEPT, DependsOn="UploadsPolicy"),
        "SourcesPolicy": _policy("Sources", wishes.sources, []),
        "Catalog": resource(
            "DynamoDB::Table",
            {
                **table_definition(wishes.table),
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "DeletionProtectionEnabled": True,
            },
            **KEPT,
        ),
    }


def _bucket(name: str) -> Json:
    """Versioned: what a slip of a hand deletes or overwrites is there for a month."""
    return {
        "BucketName": name,
        "PublicAccessBlockConfiguration": NOT_PUBLIC,
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "VersioningConfiguration": {"Status": "Enabled"},
        "Tags": [{"Key": "app", "Value": "assetpipe"}],
    }


def _store(wishes: Wishes) -> Json:
    """What is written without naming a key takes the same one: workers' notes, the function's."""
    by_key = {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ref("KmsKey")},
        "BucketKeyEnabled": True,
    }
    plain = _bucket(wishes.bucket)
    (other,) = plain["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return {
        **plain,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"Fn::If": ["Encrypted", by_key, other]}]},
        "LifecycleConfiguration": _store_life(wishes),
    }


def _store_life(wishes: Wishes) -> Json:
    """Publishers choose the class of each object themselves (INTELLIGENT_TIERING from 128 KiB), so nothing moves here;
    and no archive tier: what is served is there in milliseconds."""
    runs = {
        "Id": "runs",
        "Status": "Enabled",
        "Prefix": f"{wishes.prefix}{RUNS}/",
        "ExpirationInDays": RUNS_DAYS,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},  # leases are renewed four times a minute
    }
    stages = {
        "Id": "stages",
        "Status": "Enabled",
        "Prefix": f"{wishes.prefix}{STAGES}",
        "ExpirationInDays": ref("CacheDays"),
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    return {"Rules": [_tidy(), runs, {"Fn::If": ["Cached", stages, ref("AWS::NoValue")]}]}


def _tidy() -> Json:
    return {
        "Id": "tidy",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": PARTS_DAYS},
        "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_DAYS},
        "ExpiredObjectDeleteMarker": True,
    }


def _sources(wishes: Wishes) -> Json:
    """Artists upload with whatever they have, so class is a matter of the bucket. Archives only on request: a source
    that is archived has to be restored, for hours, before a new version or config can build it."""
    tiered = {
        "Id": "tiers",
        "Status": "Enabled",
        "Transitions": [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}],
    }
    archive = {
        "Id": "archive",
        "Status": "Enabled",
        "Tierings": [{"AccessTier": "ARCHIVE_ACCESS", "Days": ref("ArchiveDays")}],
    }
    rule = {"Name": "prefix", "Value": INCOMING}
    told = {"Event": "s3:ObjectCreated:*", "Filter": {"S3Key": {"Rules": [rule]}}, "Queue": att("Uploads")}
    return {
        **_bucket(wishes.sources),
        "LifecycleConfiguration": {"Rules": [_tidy(), tiered]},
        "IntelligentTieringConfigurations": {"Fn::If": ["Archives", [archive], ref("AWS::NoValue")]},
        "NotificationConfiguration": {"QueueConfigurations": [told]},
    }


def _policy(bucket: str, name: str, more: list[Json]) -> Json:
    plain = {
        "Sid": "EncryptedConnectionsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [s3_arn(name), s3_arn(f"{name}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [plain, *more]}
    return resource("S3::BucketPolicy", {"Bucket": ref(bucket), "PolicyDocument": document})


def _for_the_site(wishes: Wishes) -> list[Json]:
    """CloudFront reads what is published, and nothing of what workers say to each other."""
    site = {
        "StringEquals": {
            "AWS:SourceArn": sub("arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Site}")
        }
    }
    common = {"Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject"}
    return [
        {
            "Sid": "SiteReads",
            "Effect": "Allow",
            **common,
            "Resource": s3_arn(f"{wishes.bucket}/{wishes.prefix}*"),
            "Condition": site,
        },
        {
            "Sid": "SiteSeesNothingOfOurs",
            "Effect": "Deny",
            **common,
            "Resource": s3_arn(f"{wishes.bucket}/{wishes.prefix}{HIDDEN}"),
        },
    ]
