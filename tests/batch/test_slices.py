"""Plan -> parts: jobs of a few minutes, each asset in exactly one group."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from assetpipe.batch.plan import Item, parse_plan
from assetpipe.batch.slices import ARRAY, Part, _chunks, part_bytes, part_name, parts_of, read_slice
from assetpipe.config import Batch, load_config
from assetpipe.errors import SourceError, UsageError

PLAIN = load_config().batch
GPU = PLAIN.model_copy(update={"queue": "cpu", "gpu_queue": "gpu"})


def item(number: int, seconds: float = 60.0, memory_mb: int = 500) -> Item:
    return Item(source=f"s3://in/{number}.glb", asset=f"a-{number:05}", bytes=1, seconds=seconds, memory_mb=memory_mb)


def sizes(parts: list[Part]) -> list[list[int]]:
    return [[len(group) for group in part.groups] for part in parts]


@given(
    st.lists(st.tuples(st.floats(0, 4000), st.integers(0, 300_000)), min_size=1, max_size=60),
    st.floats(3, 30),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_every_asset_is_in_one_group_and_found_by_its_child(
    needs: list[tuple[float, int]], minutes: float, with_gpu: bool
) -> None:
    """Whatever the estimates are: read back by index, the groups are the plan; none is longer than asked but those of
    one asset; a job asks for the memory of its largest asset."""
    items = [item(number, seconds, memory) for number, (seconds, memory) in enumerate(needs)]
    parts = parts_of(items, (GPU if with_gpu else PLAIN).model_copy(update={"minutes_per_job": minutes}))
    found: list[Item] = []
    for part in parts:
        data = part_bytes(part)
        assert sorted(parse_plan(data, "part"), key=lambda each: each.asset) == read_slice(data, None, "part")
        for index in range(len(part.groups)):
            group = read_slice(data, index, f"s3://b/{part_name(data)}")
            assert group
            assert len(group) == 1 or sum(max(1.0, each.seconds) for each in group) <= minutes * 60
            assert all(each.memory_mb * 1.3 <= part.memory_mb or part.memory_mb == 256_000 for each in group)
            assert all((each.seconds >= GPU.gpu_seconds and with_gpu) == part.gpu for each in group)
            found += group
    assert sorted(found, key=lambda each: each.asset) == items


def test_short_assets_share_a_job_and_long_ones_have_their_own() -> None:
    """Ten minutes hold ten of a minute; one of an hour is alone."""
    assert sizes(parts_of([item(number) for number in range(25)], PLAIN)) == [[10, 10, 5]]
    assert sizes(parts_of([item(0, 3600), item(1, 3600)], PLAIN)) == [[1, 1]]


def test_the_order_of_the_plan_changes_nothing() -> None:
    """The same assets are the same parts, with the same names."""
    items = [item(number, seconds=100 + number) for number in range(20)]
    parts = [parts_of(each, PLAIN) for each in (items, items[::-1])]
    assert [part_name(part_bytes(part)) for part in parts[0]] == [part_name(part_bytes(part)) for part in parts[1]]


def test_more_than_ten_thousand_children_are_split_evenly() -> None:
    """Batch takes no more in one array, and none with one child."""
    groups = [(item(number),) for number in range(ARRAY + 1)]
    assert [len(chunk) for chunk in _chunks(groups, ARRAY)] == [5_000, 5_001]
    assert [len(chunk) for chunk in _chunks(groups[:ARRAY], ARRAY)] == [ARRAY]


def test_what_gains_from_a_gpu_goes_to_its_queue() -> None:
    """By the seconds that are expected; without such a queue all go to the other."""
    items = [item(0, 10), item(1, 1000)]
    assert [(part.gpu, part.items) for part in parts_of(items, GPU)] == [(False, 1), (True, 1)]
    assert [(part.gpu, part.items) for part in parts_of(items, PLAIN)] == [(False, 2)]


def test_a_part_that_is_not_what_its_name_says_is_refused() -> None:
    """Somebody wrote over it, or it broke on its way."""
    data = part_bytes(parts_of([item(0)], PLAIN)[0])
    name = f"s3://b/{part_name(data)}"
    with pytest.raises(SourceError, match="is not what was submitted"):
        read_slice(data.replace(b"a-00000", b"a-00001"), 0, name)


def test_a_child_without_a_group_is_refused() -> None:
    """An array larger than its plan would do nothing and call it success."""
    data = part_bytes(parts_of([item(0)], PLAIN)[0])
    with pytest.raises(UsageError, match="has 1 groups, this is child 1"):
        read_slice(data, 1, "part")


def test_settings_hold_jobs_between_three_and_thirty_minutes() -> None:
    """Shorter ones pay for their start, longer ones lose too much with a machine."""
    for minutes in (2.9, 30.1):
        with pytest.raises(ValueError, match="minutes_per_job"):
            Batch.model_validate({**PLAIN.model_dump(), "minutes_per_job": minutes})
