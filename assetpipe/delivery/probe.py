"""A store in S3, tried with an object of our own: what each step says is the finding, what it raises the cure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from assetpipe.delivery.faults import explaining
from assetpipe.delivery.s3 import TIERED, S3Store
from assetpipe.delivery.store import Item, Moved
from assetpipe.errors import ServiceUnavailable


@dataclass(frozen=True)
class Probe:
    store: S3Store
    key: str

    def write(self) -> str:
        self.store.put(self._item(b"first"))
        return f"objects can be written below {self.store.url}"

    def written_once(self) -> str:
        with _refused("If-None-Match: what is written once can be overwritten"):
            self.store.replace(self._item(b"second"), None)
        return "a key that is there is not overwritten"

    def swap(self) -> str:
        seen = self.store.stat(self.key)
        version = self.store.replace(self._item(b"second"), seen.version if seen else None)
        with _refused("If-Match: of two publishers one would lose its update"):
            self.store.replace(self._item(b"third"), seen.version if seen else None)
        return f"of two writers one wins (version {version[:12]})"

    def read(self) -> str:
        found = self.store.read(self.key)
        if found is None:
            raise ServiceUnavailable(
                "E_DOCTOR_READ", "what was just written is not there", hint="see the bucket's rules"
            )
        return "what was written is read back, sha256 and all"

    def list(self) -> str:
        next(self.store.list("doctor/"), None)
        return "keys can be listed"

    def tiered(self) -> str:
        key = f"{self.key}-tiered"
        self.store.put(self._item(bytes(TIERED), key))
        with explaining(self.store.url):
            full = f"{self.store.prefix}{key}"
            found = self.store.client.head_object(Bucket=self.store.bucket, Key=full).get("StorageClass", "STANDARD")
        if found != "INTELLIGENT_TIERING":
            raise ServiceUnavailable("E_DOCTOR_CLASS", f"128 KiB went to {found}", hint="this server has no tiers")
        return "objects of 128 KiB and more go to INTELLIGENT_TIERING"

    def parts(self) -> str:
        """The right to abort as well: what cannot be finished costs money until it is gone."""
        with explaining(self.store.url):
            self._abort(self._begin())
        return "large objects can be sent in parts"

    def unfinished(self) -> str:
        self.store.sweep(1e9, dry_run=True)
        with explaining(self.store.url):
            begun = self._begin()
            try:
                self.store.client.list_parts(**begun)
            finally:
                with suppress(ClientError, BotoCoreError):
                    self._abort(begun)
        return "an upload that broke off can be found, gone on with and swept"

    def delete(self) -> str:
        found = self.store.stat(self.key)
        if found is None or not self.store.delete(self.key, found.version):
            raise ServiceUnavailable("E_DOCTOR_DELETE", f"{self.key} moved under the doctor", hint="try again")
        return "`catalog gc` can delete"

    def clear(self) -> None:
        for key in (self.key, f"{self.key}-tiered"):
            with suppress(ClientError, BotoCoreError):
                self.store.client.delete_object(Bucket=self.store.bucket, Key=f"{self.store.prefix}{key}")

    def _begin(self) -> dict[str, Any]:
        where = {"Bucket": self.store.bucket, "Key": f"{self.store.prefix}{self.key}-parts"}
        return {**where, "UploadId": self.store.client.create_multipart_upload(**where)["UploadId"]}  # type: ignore[arg-type]

    def _abort(self, begun: dict[str, Any]) -> None:
        self.store.client.abort_multipart_upload(**begun)

    def _item(self, body: bytes, key: str = "") -> Item:
        tags = {"category": "doctor"}
        hashed = sha256(body).hexdigest()
        return Item(key or self.key, body, hashed, "application/octet-stream", "no-store", tags=tags)


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except Moved:
        return
    hint = "publish to AWS S3 or a server with conditional writes (Ceph from 20, MinIO); a folder store needs none"
    raise ServiceUnavailable("E_DOCTOR_CONDITIONS", f"the server ignores {what}", hint=hint)
