"""A bucket as a store: AWS S3, or a server that speaks its language and has conditional writes.

A version is the object's ETag. Written once is If-None-Match, moved is If-Match: the service decides who was first, so
that publishers on any number of machines need nothing else to keep out of each other's way.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from botocore import exceptions as aws
from botocore.exceptions import ClientError

from assetpipe.delivery import multipart
from assetpipe.delivery.bodies import body_bytes, whole
from assetpipe.delivery.client import PATIENCE, SMALL, Access, Patience, s3_client
from assetpipe.delivery.faults import CONFLICT, code_of, explaining, redacted, status_of, was_sent_again
from assetpipe.delivery.refusals import checked, corrupt, moved, place, taken
from assetpipe.delivery.store import Found, Item, Stat
from assetpipe.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TIERED = 128 * 1024
"""Bytes: smaller objects are never tiered and pay the dearest rate in INTELLIGENT_TIERING."""
MIB = 1024 * 1024
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
LOST = {"PreconditionFailed", "412"}
ENDED = {"InvalidPart", "InvalidPartOrder", "NoSuchUpload", *CONFLICT}
"""Answers after which a write begins again from what is there: another writer came between."""
GONE = {"NoSuchKey", "404"}
PAUSES = (0.1, 0.3, 1.0, 2.0)
TRIES = 3
WRITE = "write"
"""Metadata by which a writer whose answer was lost knows its own object again."""


@dataclass(frozen=True)
class S3Store:
    url: str
    bucket: str
    prefix: str
    """"" or with a / at its end"""
    client: S3Client = field(repr=False)
    settings: Access = field(repr=False)
    sending: BoundedSemaphore = field(repr=False)

    @classmethod
    def open(cls, url: str, settings: Access, patience: Patience = PATIENCE) -> S3Store:
        """Asks nothing of the service yet."""
        bucket, prefix = parse_url(url)
        client = s3_client(settings, patience)
        return cls(url.rstrip("/"), bucket, prefix, client, settings, BoundedSemaphore(settings.threads))

    def put(self, item: Item) -> bool:
        key, size, sent_before = self._key(item.key), body_bytes(item), False
        with explaining(place(self, item.key)):
            unasked = item.fresh and size <= SMALL
            for pause in (0.0, *PAUSES, None) if unasked else (*PAUSES, None):
                if not unasked and (found := self._head(key)):
                    return self._is_ours(item, found[0], sent_before)
                unasked = False
                try:
                    self._create(item, key, size)
                    return True
                except ClientError as error:
                    sent_before = sent_before or was_sent_again(error)
                    if pause is None or code_of(error) not in LOST | ENDED:
                        raise
                time.sleep(pause)
        raise AssertionError("the last pause is None")

    def replace(self, item: Item, expected: str | None) -> str:
        key, body, mark = self._key(item.key), whole(item), secrets.token_hex(8)
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": f'"{expected}"'}
        with explaining(place(self, item.key)):
            for pause in (*PAUSES, None):
                try:
                    return self._send(item, key, body, {WRITE: mark}, condition)
                except ClientError as error:
                    if code_of(error) not in LOST | CONFLICT | GONE:
                        raise
                    found, wrote = self._head(key) or (None, "")
                    version = found.version if found else None
                    if version and wrote == mark:  # an earlier try had succeeded, only its answer was lost
                        return version
                    if version != expected or pause is None:
                        raise moved(place(self, item.key), version, expected) from None
                time.sleep(pause)  # two wrote at once, and none of them has won
        raise AssertionError("the last pause is None")

    def read(self, key: str) -> Found | None:
        full, digest = self._key(key), ""
        with explaining(place(self, key)):
            for _ in range(3):
                found = self._get(full, key)
                if found is None:
                    return None
                digest = hashlib.sha256(found.body).hexdigest()
                if found.stat.sha256 in ("", digest):
                    return found
                written = found.stat.sha256  # damaged on the way, perhaps: what is damaged at rest stays so
        raise corrupt(place(self, key), digest, written)

    def stat(self, key: str) -> Stat | None:
        with explaining(place(self, key)):
            found = self._head(self._key(key))
        return found[0] if found else None

    def list(self, prefix: str) -> Iterator[Stat]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        with explaining(place(self, prefix)):
            for page in pages:
                if not page.keys() & {"Name", "IsTruncated", "KeyCount"}:
                    raise KeyError("ListBucketResult")  # of any XML, a login page's, botocore makes a list of nothing
                for found in page.get("Contents", []):
                    if found["Key"].endswith("/"):  # consoles make such objects and call them folders
                        continue
                    key, etag = found["Key"].removeprefix(self.prefix), found["ETag"].strip('"')
                    # Whole seconds: answers to other questions have no more, and the same object has one time.
                    yield Stat(key, found["Size"], "", etag, float(int(found["LastModified"].timestamp())))

    def delete(self, key: str, version: str) -> bool:
        """A server that ignores If-Match on deletion leaves a moment between looking and deleting; AWS does not."""
        full = self._key(key)
        with explaining(place(self, key)):
            found = self._head(full)
            if found is None or found[0].version != version:
                return False
            try:
                self.client.delete_object(Bucket=self.bucket, Key=full, IfMatch=f'"{version}"')
            except ClientError as error:
                if code_of(error) == "NotImplemented" or status_of(error) == 501:
                    self.client.delete_object(Bucket=self.bucket, Key=full)
                    return True
                if code_of(error) in LOST | CONFLICT | GONE:
                    return was_sent_again(error) and self._head(full) is None
                raise
            return True

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        with explaining(self.url):
            old = list(self._unfinished(older_than))
            return len(old) if dry_run else sum(self._abort(key, upload) for key, upload in old)

    def _key(self, key: str) -> str:
        return self.prefix + checked(key)

    def _is_ours(self, item: Item, found: Stat, sent_before: bool) -> bool:
        if found.sha256 != item.sha256:
            raise taken(place(self, item.key), found.sha256, item.sha256)
        return sent_before

    def _create(self, item: Item, key: str, size: int) -> None:
        part_bytes = multipart.part_length(size, self.settings.part_mb * MIB)
        if size < 2 * part_bytes:
            self._send(item, key, whole(item), {}, {"IfNoneMatch": "*"})
            return
        headers, threads = self._headers(item, size, {}), self.settings.threads
        target = multipart.Target(
            self.client, self.bucket, key, headers, threads, self.sending, multipart.best_checksum()
        )
        multipart.upload(target, item, part_bytes)

    def _send(self, item: Item, key: str, body: bytes, mark: dict[str, str], condition: dict[str, Any]) -> str:
        """The service checks the very sha256 that the object is known by: not a bit changes on the way."""
        digest = base64.b64encode(bytes.fromhex(item.sha256)).decode()
        headers = self._headers(item, len(body), mark)
        answer = self.client.put_object(
            Bucket=self.bucket, Key=key, Body=body, ChecksumSHA256=digest, **headers, **condition
        )
        return answer["ETag"].strip('"')

    def _headers(self, item: Item, size: int, mark: dict[str, str]) -> dict[str, Any]:
        kms = self.settings.kms_key
        return {
            "ContentType": item.content_type,
            "CacheControl": item.cache_control,
            "Metadata": {**item.metadata, "sha256": item.sha256, **mark},
            "StorageClass": "INTELLIGENT_TIERING" if size >= TIERED else "STANDARD",
            **({"Tagging": urlencode(item.tags, quote_via=quote)} if item.tags else {}),
            **({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms, "BucketKeyEnabled": True} if kms else {}),
        }

    def _head(self, key: str) -> tuple[Stat, str] | None:
        try:
            answer = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if status_of(error) == 404:
                return None
            if status_of(error) in (
                400,
                403,
            ):  # of an expired token, of a missing right? The answer to a HEAD cannot say
                self.client.get_object(Bucket=self.bucket, Key=key, Range="bytes=0-0")["Body"].close()
            raise
        return _stat(key.removeprefix(self.prefix), answer), answer["Metadata"].get(WRITE, "")

    def _get(self, full: str, key: str) -> Found | None:
        """botocore retries what fails before the first byte of the body, and nothing after."""
        for last in (False, False, True):
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=full)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
            stream = answer["Body"]
            try:  # not `with stream`: that hands out what lies below, which does not count the bytes
                return Found(_stat(key, answer), stream.read())
            except (aws.HTTPClientError, aws.IncompleteReadError):
                if last:
                    raise
            finally:
                stream.close()
        raise AssertionError("the last raises")

    def _unfinished(self, older_than: float) -> Iterator[tuple[str, str]]:
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=self.prefix)
        for page in pages:
            for upload in page.get("Uploads", []):
                if time.time() - upload["Initiated"].timestamp() >= older_than:
                    yield upload["Key"], upload["UploadId"]

    def _abort(self, key: str, upload: str) -> bool:
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
        except ClientError as error:
            if code_of(error) == "NoSuchUpload":
                return False
            raise
        return True


def parse_url(url: str) -> tuple[str, str]:
    """s3://bucket/some/prefix -> bucket, "some/prefix/"."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    dots = {".", ".."} & set(prefix.split("/"))
    if not url.startswith("s3://") or not BUCKET.fullmatch(bucket) or dots or (prefix and not PREFIX.fullmatch(prefix)):
        raise UsageError(
            "E_STORE_URL", f"{redacted(url)!r} is no S3 store", hint="use s3://BUCKET or s3://BUCKET/PREFIX"
        )
    return bucket, f"{prefix}/" if prefix else ""


def _stat(key: str, answer: Any) -> Stat:
    etag, modified = answer["ETag"].strip('"'), answer["LastModified"].timestamp()
    return Stat(key, answer["ContentLength"], answer["Metadata"].get("sha256", ""), etag, modified)
