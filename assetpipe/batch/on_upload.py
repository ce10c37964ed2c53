"""A file appears in a bucket -> a job that builds and publishes it: a Lambda function behind SQS, in this one file.

    s3://in/incoming/<category>/<name>.glb ─▶ S3 event ─▶ SQS (and its dead letters) ─▶ handler ─▶ AWS Batch

Standard library and boto3 alone, so that the function is this file and starts in no time. Events come at least once and
in any order: the run's name is made of the upload itself, whoever comes second finds that the job was asked for, and
where two come at once the workers' leases let one of them build. Messages that fail go back to the queue, each alone.

Environment: STORE (s3://bucket/prefix, where to publish), QUEUE, JOB_DEFINITION; optional INCOMING ("incoming/"),
MAX_BYTES (2 GB), ATTEMPTS (5), CONFIG (s3:// URL of a TOML file, or what stands in one).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import unicodedata
from typing import Any
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import ClientError

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
INDEX = re.compile(r"index(-[0-9]+)?")
SPELT = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
KINDS = {".glb": b"glTF\x02\x00\x00\x00", ".ply": b"ply", ".stl": b""}
"""Formats of one file each, and what they begin with. Those that name other files come by `assetpipe batch submit`."""
RUNS = "assetpipe.runs"
RETRIES = [
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onExitCode": "75", "action": "RETRY"},
    {"onExitCode": "137", "action": "RETRY"},
    {"onExitCode": "143", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
]
MEMORY_MB, MEMORY_PER_BYTE = 2_000, 8
"""What a build takes at least, and for each byte of its source."""


class Refused(Exception):
    """The upload is nothing that we build; trying again would not help."""


def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """For Lambda. The event source needs ReportBatchItemFailures."""
    failed = []
    for message in event["Records"]:
        try:
            for upload in _uploads(message["body"]):
                _take(upload)
        except Exception as error:  # back to the queue, and in the end to the dead letters
            _say("failed", {"messageId": message["messageId"], "error": f"{type(error).__name__}: {error}"})
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def _uploads(body: str) -> list[dict[str, Any]]:
    """S3 sends a TestEvent without records when notifications are set up."""
    records = json.loads(body).get("Records", [])
    return [
        record["s3"] for record in records if record["eventName"].startswith(("ObjectCreated:", "s3:ObjectCreated:"))
    ]


def _take(upload: dict[str, Any]) -> None:
    bucket, key = upload["bucket"]["name"], unquote_plus(upload["object"]["key"])
    about = {"upload": f"s3://{bucket}/{key}"}
    try:
        item = _checked(bucket, key)
    except Refused as refusal:
        _say("refused", {**about, "reason": str(refusal)})
        return
    mark = upload["object"].get("sequencer") or upload["object"].get("versionId") or upload["object"].get("eTag", "")
    run = "upload-" + hashlib.sha256(f"{bucket}/{key}/{mark}".encode()).hexdigest()[:16]
    asked = _submit(run, item)
    _say("submitted" if asked else "known", {**about, "run": run, "asset": item["asset"]})


def _checked(bucket: str, key: str) -> dict[str, Any]:
    """The line of a plan. What the event says of the object is not believed: it may have changed since."""
    incoming = os.environ.get("INCOMING", "incoming/")
    folder, _, name = key.removeprefix(incoming).partition("/")
    stem, dot, extension = name.rpartition(".")
    suffix = f"{dot}{extension}".lower()
    if not key.startswith(incoming) or not name or "/" in name or not SLUG.fullmatch(folder):
        raise Refused(f"is not {incoming}<category>/<name>")
    if INDEX.fullmatch(slug(stem)):
        raise Refused("is named as the index of its category is")
    if suffix not in KINDS:
        raise Refused(f"is no {', '.join(sorted(KINDS))} file")
    try:
        found = boto3.client("s3").get_object(Bucket=bucket, Key=key, Range="bytes=0-63")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise Refused("is there no more") from None
        if error.response["Error"]["Code"] == "InvalidRange":
            raise Refused("is empty") from None
        raise
    size, most = int(found["ContentRange"].rpartition("/")[2]), int(os.environ.get("MAX_BYTES") or 2_000_000_000)
    if size > most:
        raise Refused(f"has {size:,} bytes, at most {most:,} are taken")
    if not found["Body"].read().startswith(KINDS[suffix]):
        raise Refused(f"does not begin as a {suffix} file does")
    return {"source": f"s3://{bucket}/{key}", "asset": slug(stem), "category": folder, "bytes": size}


def slug(stem: str) -> str:
    """As `assetpipe.api.slug`, which this file cannot bring along."""
    plain = unicodedata.normalize("NFKD", stem).lower().translate(SPELT)
    name = re.sub(r"[^a-z0-9_]+", "-", plain.encode("ascii", "ignore").decode()).strip("-_")
    if name and not any(letter.isalnum() and not letter.isascii() for letter in plain):
        return name[:80].rstrip("-_")
    mark = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[:71].rstrip('-_') or 'asset'}-{mark}"


def _submit(run: str, item: dict[str, Any]) -> bool:
    """False when the job was asked for before. The part of the plan comes first, the note of the job last."""
    store = os.environ["STORE"].rstrip("/")
    bucket, _, prefix = store.removeprefix("s3://").partition("/")
    folder = f"{prefix}/{RUNS}/{run}".lstrip("/")
    if _is_there(bucket, f"{folder}/submission.json"):
        return False
    memory = MEMORY_MB + MEMORY_PER_BYTE * item["bytes"] // 1_000_000
    config = _config(bucket, folder)
    line = {"config": config or None, "sha256": None, "seconds": 0.0, "memory_mb": memory, **item}
    body = (json.dumps(line) + "\n").encode()
    name = f"plan-{hashlib.sha256(body).hexdigest()[:16]}.jsonl"
    _put(bucket, f"{folder}/{name}", body)
    answer = boto3.client("batch").submit_job(**_request(run, f"{store}/{RUNS}/{run}/{name}", memory, config))
    job = {
        "name": answer["jobName"],
        "queue": os.environ["QUEUE"],
        "plan": f"{RUNS}/{run}/{name}",
        "size": 1,
        "assets": 1,
        "seconds": 0.0,
        "gpu": False,
        "memory_mb": memory,
        "id": answer["jobId"],
    }
    _put(bucket, f"{folder}/submission.json", json.dumps({"run": run, "to": store, "jobs": [job]}).encode())
    return True


def _config(bucket: str, folder: str) -> str:
    """URL of what the worker is given; what was said in words is put beside the plan, as `batch submit` does."""
    said = os.environ.get("CONFIG", "")
    if not said.strip() or said.startswith("s3://"):
        return said.strip()
    name = f"config-{hashlib.sha256(said.encode()).hexdigest()[:16]}.toml"
    _put(bucket, f"{folder}/{name}", said.encode())
    return f"s3://{bucket}/{folder}/{name}"


def _request(run: str, plan: str, memory: int, config: str) -> dict[str, Any]:
    command = ["assetpipe", "batch", "work", "--plan", plan, "--to", os.environ["STORE"].rstrip("/")]
    if config:
        command += ["--config", config]
    needs = [{"type": "MEMORY", "value": str(memory)}]
    return {
        "jobName": f"assetpipe-{run}",
        "jobQueue": os.environ["QUEUE"],
        "jobDefinition": os.environ["JOB_DEFINITION"],
        "containerOverrides": {"command": command, "resourceRequirements": needs},
        "retryStrategy": {"attempts": int(os.environ.get("ATTEMPTS") or 5), "evaluateOnExit": RETRIES},
        "timeout": {"attemptDurationSeconds": 7_200},
        "tags": {"app": "assetpipe", "run": run},
        "propagateTags": True,
    }


def _is_there(bucket: str, key: str) -> bool:
    try:
        boto3.client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return False
        raise
    return True


def _put(bucket: str, key: str, body: bytes) -> None:
    """Whoever was first wrote the same, or a note of a job that does the same."""
    try:
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise


def _say(what: str, about: dict[str, Any]) -> None:
    """A line of the log that is a metric too (CloudWatch's Embedded Metric Format)."""
    name = f"Uploads.{what}"
    directive = {"Namespace": "assetpipe", "Dimensions": [[]], "Metrics": [{"Name": name, "Unit": "Count"}]}
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": metadata, name: 1, **about}), flush=True)
