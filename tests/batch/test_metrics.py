"""What became of an asset -> lines that CloudWatch makes metrics of."""

from __future__ import annotations

import io
import json

import pytest

from assetpipe.batch.metrics import Measured, Metrics, Stopwatch
from assetpipe.manifest import BoundsRecord, LevelRecord, Manifest, SourceRecord, ToolRecord
from tests.batch.emf import Metric, Refused, parse

ZERO = "0" * 64


def manifest(*levels: tuple[str, int, int]) -> Manifest:
    records = [
        LevelRecord(
            name=name,
            uri=f"{name}.glb",
            sha256=ZERO,
            bytes=size,
            triangles=triangles,
            vertices=3,
            materials=1,
            textures=(),
            screen_px=256,
            deviation={"max": 0.0, "rms": 0.0},  # type: ignore[arg-type]
        )
        for name, size, triangles in levels
    ]
    return Manifest(
        asset="chair",
        category="furniture",
        source=SourceRecord(sha256=ZERO, bytes=5, format="glb", triangles=9),
        config_sha256=ZERO,
        tool=ToolRecord(version="1"),
        bounds=BoundsRecord(min=(0, 0, 0), max=(1, 1, 1), radius=1),
        levels=tuple(records),
    )


def told(*measured: Measured) -> tuple[list[Metric], list[dict[str, object]]]:
    """The metrics that CloudWatch makes, and the raw lines."""
    stream = io.StringIO()
    metrics = Metrics(stream, {"run": "night"}, clock=lambda: 1_790_000_000.5)
    for each in measured:
        metrics.tell(each)
    lines = stream.getvalue().splitlines()
    return [metric for line in lines for metric in parse(line)], [json.loads(line) for line in lines]


BUILT = Measured(
    "chair", "furniture", 12.5, 5_000, 900, 700, {"read": 1.25}, manifest(("preview", 300, 10), ("high", 600, 90))
)
FAILED = Measured("lamp", "furniture", 2.0, 7_000, code="E_GLB_TRUNCATED")


def test_a_built_asset_is_counted_with_what_it_took_and_gave() -> None:
    """By category: assets, seconds, bytes in and out, peak memory."""
    metrics, _ = told(BUILT)
    whole = {each.name: (each.value, each.unit) for each in metrics if each.dimensions == {"category": "furniture"}}
    assert whole == {
        "Assets": (1, "Count"),
        "Failures": (0, "Count"),
        "Seconds": (12.5, "Seconds"),
        "BytesIn": (5000, "Bytes"),
        "BytesOut": (900, "Bytes"),
        "PeakMemory": (700, "Megabytes"),
    }
    assert {each.timestamp for each in metrics} == {1_790_000_000_500}


def test_stages_and_levels_have_metrics_of_their_own() -> None:
    """Where the time goes, and what viewers will load."""
    metrics, _ = told(BUILT)
    assert [(each.value, each.dimensions) for each in metrics if each.name == "StageSeconds"] == [
        (1.25, {"stage": "read"})
    ]
    sizes = {each.dimensions["level"]: each.value for each in metrics if each.name == "LevelBytes"}
    assert sizes == {"preview": 300, "high": 600}


def test_failures_are_counted_by_code() -> None:
    """One metric for all, one for each code that occurs: an alarm can be set on either."""
    metrics, lines = told(FAILED, FAILED, BUILT)
    failures = [each.name for each in metrics if each.value and each.name.startswith("Failures")]
    assert failures == ["Failures", "Failures.E_GLB_TRUNCATED"] * 2
    assert [line.get("code") for line in lines[:2]] == ["E_GLB_TRUNCATED"] * 2


def test_nothing_but_category_level_and_stage_is_a_dimension() -> None:
    """Each set of values is paid for; assets and runs are properties, to be searched for."""
    metrics, lines = told(BUILT, FAILED)
    assert {name for each in metrics for name in each.dimensions} == {"category", "level", "stage"}
    assert {line["run"] for line in lines} == {"night"}
    assert {line["asset"] for line in lines} == {"chair", "lamp"}


def test_a_stopwatch_gives_each_stage_the_time_until_the_next_is_said() -> None:
    """Steps that share a stage add up; a sentence that begins no stage belongs to the one before."""
    now = [0.0]
    watch = Stopwatch(clock=lambda: now[0])
    for at, said in (
        (1.0, "looking"),
        (2.0, "reading"),
        (4.0, "preparing 1,234 triangles"),
        (4.5, "looking for hidden geometry"),
        (5.0, "decimating"),
        (8.0, "high: textures and encoding"),
        (9.0, "a remark"),
        (10.0, "preview: textures and encoding"),
        (11.0, "poster"),
    ):
        now[0] = at
        watch.say(said)
    now[0] = 11.5
    assert watch.seconds() == {
        "look": 1.0,
        "read": 2.0,
        "prepare": 0.5,
        "hidden": 0.5,
        "decimate": 3.0,
        "encode": 3.0,
        "poster": 0.5,
    }


def emf(**over: object) -> str:
    directive = {"Namespace": "n", "Dimensions": [["a"]], "Metrics": [{"Name": "m", "Unit": "Count"}]}
    aws = {"Timestamp": 1_790_000_000_000, "CloudWatchMetrics": [directive | over.pop("directive", {})]}  # type: ignore[operator]
    return json.dumps({"_aws": aws, "a": "x", "m": 1, **over})


@pytest.mark.parametrize(
    "line",
    [
        emf(a=5),
        emf(a=""),
        emf(m="1"),
        emf(m=True),
        emf(m=float("nan")),
        emf(m=[1.0] * 101),
        emf(directive={"Namespace": ""}),
        emf(directive={"Dimensions": [["missing"]]}),
        emf(directive={"Dimensions": [["a", "a"]]}),
        emf(directive={"Metrics": [{"Name": "m", "Unit": "Furlongs"}]}),
        emf(directive={"Metrics": []}),
        emf(directive={"Metrics": [{"Name": f"m{i}"} for i in range(101)]}),
        "2026-01-01 " + emf(),
        emf(filling="x" * 262_144),
    ],
)
def test_the_reader_of_these_tests_refuses_what_breaks_the_format(line: str) -> None:
    """CloudWatch drops such lines in silence; a reader that took them would prove nothing."""
    assert [each.value for each in parse(emf())] == [1]
    with pytest.raises(Refused):
        parse(line)
