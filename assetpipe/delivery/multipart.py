"""Item -> one object of S3, sent in parts, in parallel; an upload that died is gone on with.

The body is hashed as it is read, and the same bytes are sent; each part carries its checksum, and so does the whole.
The object appears when all parts are there and the body was what it says, and only if the key is still free.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from assetpipe.delivery.bodies import pieces
from assetpipe.delivery.faults import may_pass
from assetpipe.delivery.keys import SHORT
from assetpipe.delivery.store import Item
from assetpipe.errors import AssetpipeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_PARTS = 10_000
Fold = Callable[[bytes, int], int]


@dataclass(frozen=True)
class Checksum:
    """One that can be had of the whole from the bytes in order: S3 calls it FULL_OBJECT."""

    name: str
    length: int
    fold: Fold

    def header(self, value: int) -> dict[str, str]:
        return {f"Checksum{self.name}": base64.b64encode(value.to_bytes(self.length, "big")).decode()}


def best_checksum() -> Checksum:
    """AWS' own choice is CRC64NVME; only awscrt, which is optional, computes it at the speed of the line."""
    try:
        from awscrt.checksums import crc64nvme  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return Checksum("CRC32", 4, zlib.crc32)
    return Checksum("CRC64NVME", 8, crc64nvme)


@dataclass(frozen=True)
class Target:
    """Where, how, and with how many hands."""

    client: S3Client
    bucket: str
    key: str
    headers: Mapping[str, Any]
    threads: int
    sending: BoundedSemaphore
    """Parts in memory at a time, of all uploads of this store."""
    checksum: Checksum


@dataclass(frozen=True)
class _Begun:
    id: str
    parts: Mapping[int, Mapping[str, Any]]
    """those that are there already: `ETag`, `Size`, a checksum where the server kept one"""
    whole: bool
    """the server takes the checksum of the whole"""


def upload(target: Target, item: Item, part_bytes: int) -> None:
    """Raises what the client raises. Then the parts that have arrived wait for the next try, where there can be one.

    Several who send the same content at once send it together, as one upload; on some servers each hears that it ended.
    """
    begun = _unfinished(target, item) or _begin(target)
    try:
        parts, whole = _send_parts(target, begun, item, part_bytes)
        _complete(target, begun, parts, whole)
    except ClientError as error:
        if not may_pass(error):
            _abort(target, begun)
        raise
    except AssetpipeError:
        _abort(target, begun)
        raise


def part_length(size: int, wished: int) -> int:
    return max(wished, -(-size // MOST_PARTS))


def _unfinished(target: Target, item: Item) -> _Begun | None:
    """An upload does not say whose content it is; the key does, when it carries the hash."""
    if item.sha256[:SHORT] not in target.key:
        return None
    where: dict[str, Any] = {"Bucket": target.bucket, "Key": target.key}
    try:
        listed = target.client.list_multipart_uploads(Bucket=target.bucket, Prefix=target.key).get("Uploads", [])
        ids = [upload["UploadId"] for upload in listed if upload["Key"] == target.key]
        if not ids:
            return None
        pages = list(target.client.get_paginator("list_parts").paginate(**where, UploadId=ids[-1]))
    except ClientError as error:
        if may_pass(error):
            raise
        return None  # not allowed to look, not offered here, or it has just ended: a new one is always right
    parts = {part["PartNumber"]: part for page in pages for part in page.get("Parts", [])}
    return _Begun(ids[-1], parts, whole=pages[0].get("ChecksumType") == "FULL_OBJECT")


def _begin(target: Target) -> _Begun:
    made: Any = target.client.create_multipart_upload(
        Bucket=target.bucket,
        Key=target.key,
        ChecksumAlgorithm=target.checksum.name,  # type: ignore[arg-type]
        ChecksumType="FULL_OBJECT",
        **target.headers,
    )
    # Ceph says nothing and takes the checksum of the whole; MiniStack says COMPOSITE, and means it.
    return _Begun(made["UploadId"], {}, whole=made.get("ChecksumType") != "COMPOSITE")


def _send_parts(target: Target, begun: _Begun, item: Item, length: int) -> tuple[list[dict[str, Any]], int]:
    whole, sent = 0, list[Future[dict[str, Any]]]()
    with ThreadPoolExecutor(target.threads) as pool:
        try:
            for number, part in enumerate(_cut(item, length), 1):
                whole = target.checksum.fold(part, whole)
                target.sending.acquire()
                sent.append(pool.submit(_send_part, target, begun, number, part))
                sent[-1].add_done_callback(lambda _: target.sending.release())
                _raise_first(sent)
            return [future.result() for future in sent], whole
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _raise_first(sent: list[Future[dict[str, Any]]]) -> None:
    for future in sent:
        if future.done():
            future.result()


def _cut(item: Item, length: int) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces(item):
        held += piece
        while len(held) >= length:
            yield bytes(held[:length])
            del held[:length]
    if held:
        yield bytes(held)


def _send_part(target: Target, begun: _Begun, number: int, part: bytes) -> dict[str, Any]:
    header = target.checksum.header(target.checksum.fold(part, 0))
    there = begun.parts.get(number)
    if there and _is_same(there, part, header):
        return {"PartNumber": number, "ETag": there["ETag"], **header}
    answer = target.client.upload_part(
        Bucket=target.bucket,
        Key=target.key,
        UploadId=begun.id,
        PartNumber=number,
        Body=part,
        **header,  # type: ignore[arg-type]
    )
    return {"PartNumber": number, "ETag": answer["ETag"], **header}


def _is_same(there: Mapping[str, Any], part: bytes, header: Mapping[str, str]) -> bool:
    """By checksum where the server kept it; else by MD5, which is the ETag unless KMS encrypts."""
    if there["Size"] != len(part):
        return False
    kept = [there[name] == value for name, value in header.items() if name in there]
    return all(kept) if kept else there["ETag"].strip('"') == hashlib.md5(part, usedforsecurity=False).hexdigest()


def _complete(target: Target, begun: _Begun, parts: list[dict[str, Any]], whole: int) -> None:
    checksum: dict[str, Any] = {"ChecksumType": "FULL_OBJECT", **target.checksum.header(whole)} if begun.whole else {}
    target.client.complete_multipart_upload(
        Bucket=target.bucket,
        Key=target.key,
        UploadId=begun.id,
        MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
        IfNoneMatch="*",
        **checksum,
    )


def _abort(target: Target, begun: _Begun) -> None:
    """What cannot be aborted now is swept later; the fault that led here is the one to tell."""
    with suppress(ClientError, BotoCoreError):
        target.client.abort_multipart_upload(Bucket=target.bucket, Key=target.key, UploadId=begun.id)
