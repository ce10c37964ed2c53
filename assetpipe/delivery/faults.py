"""What AWS' client raises -> our errors: who must act, and with which right or setting. Nothing secret gets through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from assetpipe.errors import (
    AssetpipeError,
    ConfigError,
    LimitExceeded,
    MissingFile,
    NotPermitted,
    ServiceUnavailable,
    TryAgain,
)

ACTIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateInvalidation": "cloudfront:CreateInvalidation",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "GetBucketCors": "s3:GetBucketCORS",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "GetBucketPolicy": "s3:GetBucketPolicy",
    "GetDistribution": "cloudfront:GetDistribution",
    "GetInvalidation": "cloudfront:GetInvalidation",
    "GetObject": "s3:GetObject",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectsV2": "s3:ListBucket",
    "ListParts": "s3:ListMultipartUploadParts",
    "PublishBatch": "sns:Publish",
    "PutEvents": "events:PutEvents",
    "PutObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
}
"""Operation -> the IAM action that allows it; the names differ where one would least expect it."""
REFUSED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "403", "Forbidden"}
UNKNOWN_CALLER = {
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidToken", "NotSignedUp", "SignatureDoesNotMatch", "TokenRefreshRequired", "UnrecognizedClientException",
    "InvalidSecurity",
}  # fmt: skip
ELSEWHERE = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
THROTTLED = {"429", "RequestLimitExceeded", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException",
             "TooManyRequests", "TooManyRequestsException"}  # fmt: skip
DAMAGED = {"BadDigest", "IncompleteBody", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
CONFLICT = {"ConcurrentModification", "ConditionalRequestConflict", "OperationAborted"}
NO_CREDENTIALS = (
    aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError, aws.TokenRetrievalError,
    aws.SSOError, aws.MetadataRetrievalError,
)  # fmt: skip
LOG_IN = "log in (`aws sso login`, `aws configure`), name a profile (AWS_PROFILE), or give this machine a role"
NO_REGION = "set AWS_REGION, or [publish] region"
SECRET = re.compile(
    r"(?<=//)[^/\s@]+@|\b(?:AKIA|ASIA)[A-Z0-9]{8,}"
    r"|(?i:x-amz-(?:signature|credential|security-token)|signature|credential|authorization)\s*[=:]\s*[^\s&,]+"
)


@contextmanager
def explaining(place: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise explained(error, place) from error
    except (ResponseParserError, KeyError) as error:
        hint = "is the endpoint one of S3? A proxy, a login page or another web server may have answered"
        raise ServiceUnavailable(
            "E_STORE_ANSWER", f"{place}: the answer is none of the service's", hint=hint
        ) from error


def explained(error: BotoCoreError | ClientError, place: str) -> AssetpipeError:
    return _answered(error, place) if isinstance(error, ClientError) else _unanswered(error, place)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def was_sent_again(error: ClientError) -> bool:
    """An earlier try may have succeeded, and its answer have been lost."""
    return error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0


def may_pass(error: ClientError) -> bool:
    return (
        (status_of(error) >= 500 and status_of(error) != 501) or code_of(error) in THROTTLED or status_of(error) == 429
    )


def redacted(text: str) -> str:
    return SECRET.sub("***", text)


def _answered(error: ClientError, place: str) -> AssetpipeError:
    code, said = code_of(error), _said(error)
    if may_pass(error):
        return TryAgain(
            "E_STORE_BUSY", f"{place}: {said}", hint="the service asks for less, or is ill: try again later"
        )
    if code.startswith("KMS."):
        return ConfigError("E_STORE_KMS", f"{place}: {said}", hint="check [publish] kms_key and the key's policy")
    if code in UNKNOWN_CALLER:
        return NotPermitted("E_STORE_CREDENTIALS", f"{place}: the credentials are refused: {code}", hint=LOG_IN)
    if code == "RequestTimeTooSkewed":
        return NotPermitted("E_STORE_CLOCK", f"{place}: {said}", hint="set this machine's clock")
    if code in REFUSED or status_of(error) == 403:
        return NotPermitted("E_STORE_DENIED", f"{place}: {said}", hint=f"allow {missing_action(error)}")
    if code in ELSEWHERE:
        region = _headers(error).get("x-amz-bucket-region", "")
        cure = (
            f'set [publish] region = "{region}"'
            if region
            else "set [publish] region to the bucket's, or https in endpoint_url"
        )
        return ConfigError("E_STORE_REGION", f"{place}: the bucket is in another region", hint=cure)
    return _refused(error, place)


def _refused(error: ClientError, place: str) -> AssetpipeError:
    code, said = code_of(error), _said(error)
    if code == "NoSuchBucket":
        return MissingFile("E_STORE_BUCKET", f"{place}: no such bucket", hint="`aws s3 mb s3://NAME` makes one")
    if code == "InvalidStorageClass":
        return ConfigError("E_STORE_CLASS", f"{place}: {said}", hint="this server lacks the class INTELLIGENT_TIERING")
    if code in ("EntityTooLarge", "QuotaExceeded", "MetadataTooLarge"):
        return LimitExceeded("E_STORE_SIZE", f"{place}: {said}")
    if code in DAMAGED:
        cure = "nothing was written; something between here and the service damages data: a proxy, a cable, memory"
        return TryAgain("E_STORE_DAMAGED", f"{place}: arrived damaged every time: {code}", hint=cure)
    if code in CONFLICT:
        return TryAgain("E_STORE_CONFLICT", f"{place}: {said}", hint="others write the same key just now: try again")
    hint = "is this an S3 server with conditional writes? `assetpipe doctor --store` tries it"
    return ServiceUnavailable("E_STORE_REFUSED", f"{place}: {said}", hint=hint)


def _unanswered(error: BotoCoreError, place: str) -> AssetpipeError:
    if isinstance(error, NO_CREDENTIALS):
        return NotPermitted("E_STORE_CREDENTIALS", f"{place}: there are no AWS credentials here", hint=LOG_IN)
    if isinstance(error, aws.ProfileNotFound):
        return ConfigError("E_STORE_PROFILE", f"{place}: {redacted(str(error))}", hint="check AWS_PROFILE")
    if isinstance(error, aws.NoRegionError | aws.InvalidRegionError):
        return ConfigError("E_STORE_REGION", f"{place}: {redacted(str(error))}", hint=NO_REGION)
    if isinstance(error, aws.SSLError):
        cure = "a proxy with a certificate of its own? AWS_CA_BUNDLE names the one to trust"
        return ServiceUnavailable("E_STORE_TLS", f"{place}: no trusted connection", hint=cure)
    if isinstance(error, aws.EndpointConnectionError | aws.ProxyConnectionError | aws.ConnectTimeoutError):
        cure = "is the network there, and [publish] endpoint_url or AWS_ENDPOINT_URL_S3 right?"
        return ServiceUnavailable("E_STORE_UNREACHABLE", f"{place}: {redacted(str(error))}", hint=cure)
    if isinstance(error, aws.HTTPClientError | aws.IncompleteReadError | aws.ConnectionError):
        said = f"the connection broke or fell silent: {type(error).__name__}"
        return TryAgain("E_STORE_SILENT", f"{place}: {said}", hint="retried in vain: try again later")
    if isinstance(error, aws.ParamValidationError | aws.InvalidEndpointConfigurationError | aws.DataNotFoundError):
        return ConfigError("E_STORE_SETTING", f"{place}: {redacted(str(error))}", hint="see [publish] in the config")
    return ServiceUnavailable("E_STORE_CLIENT", f"{place}: {type(error).__name__}: {redacted(str(error))}")


def missing_action(error: ClientError) -> str:
    """Where the service says which it is, that; else the one that the operation needs."""
    said = re.search(r"perform: ([a-z0-9-]+:[A-Za-z]+)", _message(error))
    if said:
        return said[1]
    if "kms" in _message(error).lower():
        return "kms:GenerateDataKey and kms:Decrypt on the key"
    action = ACTIONS.get(error.operation_name, error.operation_name)
    if error.operation_name in ("HeadObject", "GetObject"):
        return f"{action} (and s3:ListBucket: without it S3 answers 403 for what is not there)"
    if error.operation_name in ("PutObject", "CreateMultipartUpload"):
        return f"{action}, s3:PutObjectTagging (and with a key of KMS kms:GenerateDataKey and kms:Decrypt on it)"
    return action


def _said(error: ClientError) -> str:
    message = redacted(_message(error))
    return f"{error.operation_name} was answered {code_of(error) or status_of(error)}" + (
        f": {message}" if message else ""
    )


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message") or "")


def _headers(error: ClientError) -> dict[str, Any]:
    return dict(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
