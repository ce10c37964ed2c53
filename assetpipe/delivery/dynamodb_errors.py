"""botocore's errors about a table -> ours, which say who must act."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from assetpipe.delivery.faults import NO_REGION, code_of
from assetpipe.errors import AssetpipeError, ConfigError, MissingFile, NotPermitted, ServiceUnavailable, TryAgain

PASSING = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionInProgressException",
}
TRANSACTION = "dynamodb:PutItem and dynamodb:UpdateItem"
"""IAM knows no right to transactions, only to each of their writes."""
REFUSED = {"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"}


def explained(error: ClientError | BotoCoreError, table: str) -> AssetpipeError:
    """Codes and operations only: a message of the service may repeat what was sent."""
    place = f"DynamoDB table {table}"
    if isinstance(error, NoCredentialsError):
        return NotPermitted(
            "E_CATALOG_CREDENTIALS", f"{place}: no AWS credentials were found", hint="`aws configure`, or a role"
        )
    if isinstance(error, NoRegionError):
        return ConfigError("E_CATALOG_REGION", f"{place}: no AWS region is set", hint=NO_REGION)
    if not isinstance(error, ClientError):
        return ServiceUnavailable("E_CATALOG", f"{place}: {type(error).__name__}", hint="check the network, then again")
    code, action = code_of(error), f"dynamodb:{error.operation_name}"
    if code in PASSING:
        return TryAgain("E_CATALOG_BUSY", f"{place}: {code} at {action}", hint="the same command again finishes it")
    if code in REFUSED:
        needed = TRANSACTION if error.operation_name == "TransactWriteItems" else action
        return NotPermitted("E_CATALOG_DENIED", f"{place}: {code} at {action}", hint=f"allow {needed} on the table")
    if code == "ResourceNotFoundException":
        return MissingFile(
            "E_CATALOG_MISSING", f"{place}: there is none", hint="`assetpipe catalog init --store STORE` makes it"
        )
    return ServiceUnavailable("E_CATALOG", f"{place}: {code} at {action}", hint="see the service's status page")
