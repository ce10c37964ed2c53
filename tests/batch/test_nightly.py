"""Each night submits what is new, and only that; what one artist does wrong leaves out no other. Against moto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from assetpipe.batch.aws import Ask
from assetpipe.batch.cloud import read_bytes
from assetpipe.batch.lease import Holder, Lease, Leases, all_progress
from assetpipe.batch.nightly import Night, Wishes, submit_night
from assetpipe.batch.plan import Item, parse_plan
from assetpipe.batch.status import Sources, status_of
from assetpipe.batch.units import unit_of, with_local_config
from assetpipe.config import Config
from assetpipe.delivery.open_store import open_store
from assetpipe.errors import SourceError, UsageError
from tests.batch.mock_aws import bucket, cloud, config, moto, queue, read  # noqa: F401  fixtures
from tests.batch.standin import Standin
from tests.commands import run


class Nights:
    """A shop's uploads, and a cloud whose workers note what a real one would, and build nothing."""

    def __init__(self, bucket: str, config: Config, folder: Path) -> None:  # noqa: F811
        self.bucket, self.config, self.folder, self.count = bucket, config, folder, 0
        self.store = open_store(f"s3://{bucket}/models", config.publish)
        self.cloud = self._cloud()

    def upload(self, key: str, body: bytes = b"good") -> None:
        boto3.client("s3").put_object(Bucket=self.bucket, Key=f"incoming/{key}", Body=body + key.encode())

    def submit(self, **wishes: Any) -> Night:
        ask = Ask(self.cloud, self.store, "nightly")
        return submit_night(f"s3://{self.bucket}/incoming/", self.config, ask, Wishes(**wishes))

    def pass_by(self, **wishes: Any) -> list[str]:
        """A night; the names of what it had to do."""
        self.cloud = self._cloud()
        night = self.submit(**wishes)
        jobs = night.submission.jobs if night.submission else ()
        items = [item for job in jobs for item in parse_plan(read(f"s3://{self.bucket}/models/{job.plan}"), "part")]
        for item in items:
            self._work(with_local_config(item, self.folder, self.config.publish))
        return sorted(item.asset for item in items)

    def _work(self, item: Item) -> None:
        settings = self.config.publish
        leases = Leases(self.store, "nightly", Holder(f"job-{self.count}", 1, "token"))
        lease = leases.take(item.asset, unit_of(item, settings))
        assert isinstance(lease, Lease), "a worker would pass it over"
        if read_bytes(item.source, settings).startswith(b"bad"):
            lease.fail(SourceError("E_BAD", "bad"))
        else:
            lease.finish("0" * 16)

    def _cloud(self) -> Standin:
        self.count += 1
        return Standin(self.folder, [])


@pytest.fixture
def nights(bucket: str, config: Config, tmp_path: Path) -> Nights:  # noqa: F811
    return Nights(bucket, config, tmp_path)


def test_a_night_submits_what_is_new_since_the_last(nights: Nights, tmp_path: Path) -> None:
    """In its folder's category; a changed object goes again, and one that failed only
    when it has changed, or is asked for. Another config goes to the workers with everything."""
    nights.upload("furniture/Oak Chair.glb")
    nights.upload("fashion/shoe.glb")
    nights.upload("fashion/torn.glb", b"bad")
    assert nights.pass_by() == ["oak-chair", "shoe", "torn"]
    states = {each.asset: (each.state, each.error.get("code")) for each in all_progress(nights.store, "nightly")}
    assert states == {"oak-chair": ("done", None), "shoe": ("done", None), "torn": ("failed", "E_BAD")}
    assert nights.pass_by() == []
    assert nights.cloud.asked == []
    nights.upload("fashion/shoe.glb", b"new")
    assert nights.pass_by() == ["shoe"]
    (tmp_path / "shop.toml").write_text("[levels.preview]\nmax_triangles = 500\n")
    assert nights.pass_by(config=tmp_path / "shop.toml") == ["oak-chair", "shoe", "torn"]
    assert nights.pass_by(config=tmp_path / "shop.toml", again=True) == ["torn"]
    assert status_of("nightly", Sources(nights.store, nights.cloud)).assets == {"done": 2, "failed": 1}


def test_what_cannot_be_told_apart_is_left_out_and_said(nights: Nights, tmp_path: Path) -> None:
    """No category, the index's name, two of one name: three sentences; the others are submitted, in whatever script."""
    for key in (
        "stray.glb",
        "Sale!/lamp.glb",
        "fashion/дд.glb",
        "fashion/Index.glb",
        "fashion/bag.glb",
        "furniture/Bag.obj",
        "fashion/x.txt",
    ):
        nights.upload(key)
    nights.upload("furniture/chair.glb")
    batch = nights.config.batch
    words = ["--queue", batch.queue, "--job-definition", batch.job_definition]
    place = f"s3://{nights.bucket}/incoming/"
    done = run("batch", "nightly", place, "--to", f"s3://{nights.bucket}/models", *words)
    assert done.code == 0, done.err
    said = sorted(line.replace(place, "") for line in done.out.splitlines() if line.startswith("left out"))
    assert said == [
        "left out: Sale!/lamp.glb: lies in no folder that can be a category",
        "left out: fashion/Index.glb: is named as the index of a category is",
        "left out: fashion/bag.glb: furniture/Bag.obj has the same name",
        "left out: furniture/Bag.obj: fashion/bag.glb has the same name",
        "left out: stray.glb: lies in no folder that can be a category",
    ]
    assert "run nightly: 2 assets in 1 jobs" in done.out
    whole = json.loads(run("batch", "nightly", place, "--to", f"s3://{nights.bucket}/models", *words, "--json").out)
    assert [each["reason"] for each in whole["passed"]].count("twin") == 2


def test_a_night_that_is_not_over_is_not_submitted_twice(nights: Nights) -> None:
    """Its jobs are at work; a dry run submits nothing either."""
    nights.upload("furniture/chair.glb")
    rehearsed = nights.submit(dry_run=True)
    assert rehearsed.submission
    assert (rehearsed.submission.assets, nights.cloud.asked) == (1, [])
    assert nights.submit().submission
    again = nights.submit()
    assert (again.submission, again.busy, len(nights.cloud.asked)) == (None, 1, 1)
    with pytest.raises(UsageError, match="is no folder"):
        submit_night(
            f"s3://{nights.bucket}/incoming", nights.config, Ask(nights.cloud, nights.store, "other"), Wishes()
        )
