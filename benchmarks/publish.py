"""A thousand small bundles into a folder and into a real S3 server (Ceph RGW), beside tools that copy the same objects.

    python benchmarks/publish.py [--bundles 1000] [--rounds 1] [--threads 10]

The peers copy the objects that assetpipe publishes, from a folder that has them: `aws s3 sync` (awscli as it comes: ten
requests at a time, checksums on) into a bucket; `cp -a`, `sync -f` and `sha256sum --check` into a folder. They take
turns. CPU is that of the tool's processes, without the server's. Ceph needs root; the first run fetches it, and awscli
into `benchmarks/out`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out"
sys.path.insert(0, str(ROOT))

import boto3  # noqa: E402

from tests.delivery.bundles import LEVELS, manifest  # noqa: E402

SIZES = {"preview": 8_000, "standard": 32_000, "high": 96_000, "poster": 6_000}
FEW = 20
"""Bundles of the run whose requests are counted."""
BUCKET = "bench"
PORTS = ("18780", "18789")
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKPIPE",
    "AWS_SECRET_ACCESS_KEY": "SKPIPEsecret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Tool:
    """`before` is not timed."""

    name: str
    run: Callable[[], None]
    before: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    work: Path
    endpoint: str
    aws: Path
    threads: int

    @property
    def tree(self) -> Path:
        """The objects, as the folder store has them."""
        return self.work / "tree"

    def publish(self, to: str, bundles: Sequence[Path]) -> None:
        config = self.work / "bench.toml"
        where = f'endpoint_url = "{self.endpoint}"\ncatalog = "sqlite:{self.work}/catalog.sqlite"\n'
        config.write_text(f"[publish]\nthreads = {self.threads}\n{where if to.startswith('s3:') else ''}")
        command = [
            sys.executable,
            "-m",
            "assetpipe",
            "publish",
            *map(str, bundles),
            "--to",
            to,
            "--config",
            str(config),
        ]
        _run(*command, "--quiet")

    def sync(self, tree: Path, prefix: str, *words: str) -> str:
        to = f"s3://{BUCKET}/{prefix}"
        return _run(str(self.aws), "s3", "sync", str(tree), to, "--endpoint-url", self.endpoint, *words)

    def copy(self, to: Path) -> None:
        _run("cp", "-a", str(self.tree), str(to))
        _run("sync", "-f", str(to))
        _run("sha256sum", "--quiet", "--check", str(self.work / "sums"), cwd=to)

    def empty(self, prefix: str) -> None:
        if prefix == "ours":
            (self.work / "catalog.sqlite").unlink(missing_ok=True)
        client: Any = boto3.client("s3", endpoint_url=self.endpoint)
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
            if found := [{"Key": one["Key"]} for one in page.get("Contents", [])]:
                client.delete_objects(Bucket=BUCKET, Delete={"Objects": found, "Quiet": True})


def main() -> None:
    asked = _asked()
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as folder, _server(asked) as endpoint:
        bench = Bench(Path(folder), endpoint, asked.aws or _awscli(), asked.threads)
        bundles = [_bundle(bench.work / "bundles", number) for number in range(asked.bundles)]
        _plant(bench, bundles)
        _turns("folder", _into_folders(bench, bundles), asked)
        _turns("S3", _into_buckets(bench, bundles), asked)
        _count(bench, bundles[:FEW])


def _into_folders(bench: Bench, bundles: Sequence[Path]) -> list[Tool]:
    ours, theirs = bench.work / "ours", bench.work / "theirs"
    return [
        Tool("assetpipe publish", lambda: bench.publish(str(ours), bundles), lambda: _remove(ours)),
        Tool("cp -a, sync -f, sha256sum", lambda: bench.copy(theirs), lambda: _remove(theirs)),
        Tool("assetpipe publish, again", lambda: bench.publish(str(ours), bundles)),
    ]


def _into_buckets(bench: Bench, bundles: Sequence[Path]) -> list[Tool]:
    def publish() -> None:
        bench.publish(f"s3://{BUCKET}/ours", bundles)

    def sync() -> None:
        bench.sync(bench.tree, "theirs", "--only-show-errors")

    return [
        Tool("assetpipe publish", publish, lambda: bench.empty("ours")),
        Tool("aws s3 sync", sync, lambda: bench.empty("theirs")),
        Tool("assetpipe publish, again", publish),
        Tool("aws s3 sync, again", sync),
    ]


def _turns(place: str, tools: Sequence[Tool], asked: argparse.Namespace) -> None:
    for _ in range(asked.rounds):
        for tool in tools:
            tool.before()
            start, cpu = time.perf_counter(), _cpu()
            tool.run()
            tool.seconds.append(time.perf_counter() - start)
            tool.cpu.append(_cpu() - cpu)
    print(f"\n{asked.bundles:,} bundles to {place}, {asked.threads} threads\n")
    print("| tool | seconds (median, all) | CPU seconds | bundles a second |\n| --- | --- | --- | --- |")
    for tool in tools:
        median, every = statistics.median(tool.seconds), ", ".join(f"{one:.1f}" for one in tool.seconds)
        rate = asked.bundles / median
        print(f"| {tool.name} | {median:.1f} ({every}) | {statistics.median(tool.cpu):.1f} | {rate:.0f} |", flush=True)


def _count(bench: Bench, bundles: Sequence[Path]) -> None:
    """Of a few bundles into an empty place, and once more."""
    few = bench.work / "few"
    bench.publish(str(few), bundles)
    _remove(few / ".assetpipe")
    print(f"\nrequests for {len(bundles)} bundles\n\n| tool | first | again |\n| --- | --- | --- |")
    bench.empty("few")
    counts = [[_requests_of_ours(bench, bundles), _requests_of_sync(bench, few)] for _ in range(2)]
    for name, first, again in zip(("assetpipe publish", "aws s3 sync"), *counts, strict=True):
        print(f"| {name} | {first} | {again} |")


def _requests_of_ours(bench: Bench, bundles: Sequence[Path]) -> int:
    from assetpipe import api
    from assetpipe.config import load_config

    os.environ["AWS_ENDPOINT_URL_S3"] = bench.endpoint
    plain = load_config()
    publish = plain.publish.model_copy(update={"catalog": f"sqlite:{bench.work}/few.sqlite"})
    seen: list[str] = []
    with api.open_run(f"s3://{BUCKET}/few-ours", config=plain.model_copy(update={"publish": publish})) as run:
        store: Any = run.store
        store.client.meta.events.register("before-send.s3", lambda **_: seen.append(""))
        run.publish_all(bundles)
    return len(seen)


def _requests_of_sync(bench: Bench, tree: Path) -> int:
    log = bench.sync(tree, "few-theirs", "--debug")
    return len(re.findall(r"Making request for OperationModel", log))


def _bundle(folder: Path, number: int) -> Path:
    """Random bytes: whoever compresses on the way wins nothing."""
    made, asset = random.Random(number), f"chair-{number:04}"
    files = {f"{name}.glb": made.randbytes(SIZES[name]) for name in LEVELS} | {"poster.webp": made.randbytes(6_000)}
    path = folder / asset
    path.mkdir(parents=True)
    for name, data in {**files, "manifest.json": manifest(asset, "furniture", files).to_bytes()}.items():
        (path / name).write_bytes(data)
    return path


def _plant(bench: Bench, bundles: Sequence[Path]) -> None:
    bench.publish(str(bench.tree), bundles)
    _remove(bench.tree / ".assetpipe")
    files = sorted(path for path in bench.tree.rglob("*") if path.is_file())
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(bench.tree)}\n" for path in files)
    (bench.work / "sums").write_text("".join(sums))
    print(f"{len(files):,} objects, {sum(path.stat().st_size for path in files) / 1e6:,.0f} MB", flush=True)


@contextmanager
def _server(asked: argparse.Namespace) -> Iterator[str]:
    if asked.endpoint:
        _make_bucket(asked.endpoint)
        yield asked.endpoint
        return
    script = ["bash", str(ROOT / "tests/delivery/ceph_s3.sh")]
    _run(*script, "start", str(asked.ceph), *PORTS)
    try:
        endpoint = f"http://127.0.0.1:{PORTS[0]}"
        _make_bucket(endpoint)
        yield endpoint
    finally:
        _run(*script, "stop", str(asked.ceph))


def _make_bucket(endpoint: str) -> None:
    client: Any = boto3.client("s3", endpoint_url=endpoint)
    if BUCKET not in [one["Name"] for one in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)


def _awscli() -> Path:
    """In an environment of its own: it pins another botocore."""
    folder = OUT / "awscli"
    if not (folder / "bin" / "aws").exists():
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "awscli")
    return folder / "bin" / "aws"


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bundles", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=10, help="as many as awscli has")
    parser.add_argument("--endpoint", default="", help="of an S3 server that runs already")
    parser.add_argument("--ceph", type=Path, default=Path(tempfile.gettempdir()) / "assetpipe-ceph", help="its folder")
    parser.add_argument("--aws", type=Path, help="an `aws` that is there already")
    return parser.parse_args()


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str, cwd: Path | None = None) -> str:
    """What it said, or an end with it."""
    with tempfile.TemporaryFile("w+") as said:
        code = subprocess.run(command, cwd=cwd, stdout=said, stderr=said, check=False).returncode
        said.seek(0)
        text = said.read()
    if code:
        raise SystemExit(f"{' '.join(command[:4])} ... ended with {code}:\n{text[-2000:]}")
    return text


if __name__ == "__main__":
    main()
