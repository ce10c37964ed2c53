"""Who may do what: for each role the actions that the code calls, on the things that it calls them for.

tests/batch/test_rights.py runs the code of each role, writes down every call, and compares: nothing is missing, nothing
is granted in vain. docs/aws-batch.md shows the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from assetpipe.batch.stack.names import (
    INCOMING,
    REPLICA,
    RUNS,
    STAGES,
    Json,
    Wishes,
    allow,
    arn,
    ref,
    s3_arn,
    sub,
    where,
)

UPLOAD = ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
"""Of a publish: large files go in parts, and an upload that broke off is gone on with."""
LIST = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
READ_CATALOG = ["dynamodb:GetItem", "dynamodb:Query"]
WRITE_CATALOG = [*READ_CATALOG, "dynamodb:PutItem", "dynamodb:UpdateItem"]


def publisher(wishes: Wishes) -> list[Json]:
    """`publish`, `ingest`."""
    return [
        allow(["s3:GetObject", *UPLOAD], s3_arn(f"{wishes.bucket}/{wishes.prefix}*")),
        # Without it S3 answers 403 for what is not there.
        allow(LIST, s3_arn(wishes.bucket)),
        *_replica(wishes, ["s3:GetObject", *UPLOAD], LIST),
        *_keys(),
        allow(WRITE_CATALOG, *_table(wishes)),
        allow(["cloudfront:CreateInvalidation", "cloudfront:GetDistribution"], _distribution()),
        allow(["sns:Publish"], ref("Events")),
    ]


def worker(wishes: Wishes) -> list[Json]:
    """`batch work`: a publisher that fetches sources. It deletes nothing but damaged results of stages."""
    return [
        *publisher(wishes),
        allow(["s3:DeleteObject"], s3_arn(f"{wishes.bucket}/{wishes.prefix}{STAGES}*")),
        allow(["s3:GetObject"], s3_arn(f"{wishes.sources}/*")),
        allow(["s3:ListBucket"], s3_arn(wishes.sources)),
    ]


def submitter(wishes: Wishes) -> list[Json]:
    """`batch submit`, `batch status`."""
    return [
        *_submission(wishes),
        allow(["logs:GetLogEvents"], arn("logs", "log-group:${Logs}:log-stream:*")),
    ]


def planner(wishes: Wishes) -> list[Json]:
    """`batch nightly`: a submitter that looks what was uploaded."""
    return [*_submission(wishes), allow(["s3:ListBucket"], s3_arn(wishes.sources))]


def keeper(wishes: Wishes) -> list[Json]:
    """`catalog`, all of it but `init`, and `doctor --store`: alone in what it may delete."""
    store = s3_arn(wishes.bucket)
    return [
        allow(["s3:GetObject", "s3:DeleteObject", *UPLOAD], s3_arn(f"{wishes.bucket}/{wishes.prefix}*")),
        allow([*LIST, *LOOK], store),
        *_replica(wishes, ["s3:GetObject", "s3:DeleteObject", *UPLOAD], [*LIST, *LOOK]),
        *_keys(),
        allow([*WRITE_CATALOG, "dynamodb:DeleteItem"], *_table(wishes)),
        allow(
            ["cloudfront:CreateInvalidation", "cloudfront:GetDistribution", "cloudfront:GetInvalidation"],
            _distribution(),
        ),
        allow(["sns:Publish"], ref("Events")),
    ]


def function(wishes: Wishes) -> list[Json]:
    """`on_upload`."""
    return [
        allow(["s3:GetObject"], s3_arn(f"{wishes.sources}/{INCOMING}*")),
        allow(["s3:GetObject", "s3:PutObject"], s3_arn(f"{wishes.bucket}/{wishes.prefix}{RUNS}/*")),
        allow(["s3:ListBucket"], s3_arn(wishes.sources), s3_arn(wishes.bucket)),
        *_key("Encrypted", "KmsKey"),
        *_submit(),
    ]


LOOK = [
    "s3:GetBucketCORS",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetLifecycleConfiguration",
]
"""The doctor's."""
ROLES: Mapping[str, Callable[[Wishes], list[Json]]] = {
    "publisher": publisher,
    "worker": worker,
    "submitter": submitter,
    "planner": planner,
    "keeper": keeper,
    "function": function,
}


def _submission(wishes: Wishes) -> list[Json]:
    return [
        allow(["s3:GetObject", "s3:PutObject"], s3_arn(f"{wishes.bucket}/{wishes.prefix}{RUNS}/*")),
        allow(["s3:ListBucket"], s3_arn(wishes.bucket)),
        *_key("Encrypted", "KmsKey"),
        *_submit(),
        allow(["batch:DescribeJobs"], "*"),  # knows no resources
    ]


def _submit() -> list[Json]:
    """By name: which revision of a definition is newest is Batch's to say."""
    return [
        allow(
            ["batch:SubmitJob"],
            *(arn("batch", f"job-queue/${{AWS::StackName}}-{name}") for name in ("cpu", "gpu")),
            *(arn("batch", f"job-definition/${{AWS::StackName}}-work{tail}") for tail in ("", ":*")),
        ),
        allow(["batch:TagResource"], arn("batch", "job/*")),  # jobs are tagged with their run
    ]


def _replica(wishes: Wishes, objects: list[str], bucket: list[str]) -> list[Json]:
    """Below the same prefix."""
    place = s3_arn(f"{REPLICA}/{wishes.prefix}*")
    return where("Replicated", allow(objects, place), allow(bucket, s3_arn(REPLICA)))


def _keys() -> list[Json]:
    return [*_key("Encrypted", "KmsKey"), *_key("EncryptedThere", "ReplicaKmsKey")]


def _key(condition: str, parameter: str) -> list[Json]:
    """S3 asks for a key of the data, and opens it again to read or to put parts together: it alone, for us."""
    via = {"StringLike": {"kms:ViaService": "s3.*"}}
    return where(condition, allow(["kms:GenerateDataKey", "kms:Decrypt"], ref(parameter), Condition=via))


def _table(wishes: Wishes) -> tuple[Json, Json]:
    return arn("dynamodb", f"table/{wishes.table}"), arn("dynamodb", f"table/{wishes.table}/index/*")


def _distribution() -> Json:
    return sub("arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Site}")
