"""What `--to` may say, and which store it names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assetpipe.config import load_config
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.s3 import S3Store
from assetpipe.errors import UsageError
from tests.delivery.conformance import item

SETTINGS = load_config().publish


@pytest.mark.parametrize(
    ("url", "root", "shown"),
    [
        ("./store", "store", "./store"),
        ("store/", "store", "store"),
        ("a/b c/ü", "a/b c/ü", "a/b c/ü"),
        ("./s3:", "s3:", "./s3:"),
        ("file://{cwd}/store", "store", "{cwd}/store"),
        ("file:///{cwd}/my%20store/", "my store", "{cwd}/my store"),
        ("file://localhost{cwd}/store", "store", "{cwd}/store"),
        ("FILE:{cwd}/store", "store", "{cwd}/store"),
        ("{cwd}/store", "store", "{cwd}/store"),
    ],
)
def test_a_folder_is_named_in_several_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, root: str, shown: str
) -> None:
    """Shown as it was typed; it stays where it was when the process goes elsewhere; the first write makes it."""
    monkeypatch.chdir(tmp_path)
    store = open_store(url.format(cwd=tmp_path), SETTINGS)
    assert isinstance(store, FolderStore)
    assert store.url == shown.format(cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    store.put(item("a/b", b"x"))
    assert (tmp_path / root / "a" / "b").read_bytes() == b"x"


def test_a_bucket_is_named_by_its_url() -> None:
    """With a prefix or without; nothing is asked of any server yet."""
    for url in ("s3://shop-models", "s3://shop-models/3d/v1"):
        store = open_store(url, SETTINGS)
        assert isinstance(store, S3Store)
        assert store.url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no store is named"),
        ("gs://bucket/x", "gs: is no kind of store"),
        ("https://bucket.s3.amazonaws.com/x?X-Amz-Signature=hunter2", "https: is no kind of store"),
        ("s3:/bucket", "s3: is no kind of store"),
        ("s3:bucket", "s3: is no kind of store"),
        ("C:\\models", "c: is no kind of store"),
        ("s3://AKIA:hunter2@bucket/x", "a bucket and a prefix alone"),
        ("s3://bucket/x?token=hunter2", "a bucket and a prefix alone"),
        ("s3://", ""),
        ("file://server/share", "a folder of this machine"),
        ("file:store", "a folder of this machine"),
        ("{file}", "is a file"),
        ("file://{file}", "is a file"),
        ("a\0b", "no store is named"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, url: str, said: str) -> None:
    """With the kinds that there are, and without repeating what may be a secret."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        open_store(url.format(file=tmp_path / "file"), SETTINGS)
    assert caught.value.code == "E_STORE_URL"
    assert said in caught.value.message
    assert "s3://" in caught.value.hint or "file:///" in caught.value.hint or "AWS" in caught.value.hint
    assert "hunter2" not in str(caught.value)
