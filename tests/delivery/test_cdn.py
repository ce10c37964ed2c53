"""What caches are told: little, once, and the same again when it is repeated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assetpipe.delivery.cdn import INDIVIDUAL, WILDCARDS, Change, plan_paths, plan_tags


def moved(category: str, asset: str, mark: str = "1", pages: int = 1) -> Change:
    """What a publish moves: the asset's pointer and the index."""
    index = [f"{category}/manifest/index{f'-{n}' if n else ''}.json" for n in range(pages)]
    return Change(f"{category}/{asset}@{mark}", (f"{category}/manifest/{asset}.json", *index))


def told(path: str, key: str) -> bool:
    """CloudFront's rule: `*` stands at the end only, for anything."""
    return path == key or (path.endswith("*") and key.startswith(path[:-1]))


def test_a_publish_is_two_paths_however_many_pages_its_index_has() -> None:
    """The pointer, and the index: as it is, or by its beginning when there are more pages."""
    one, many = plan_paths([moved("lamps", "ida")], "/", 100), plan_paths([moved("lamps", "ida", pages=9)], "/m/", 100)
    assert one
    assert one.paths == ("/lamps/manifest/ida.json", "/lamps/manifest/index.json")
    assert many
    assert many.paths == ("/m/lamps/manifest/ida.json", "/m/lamps/manifest/index*")


def test_a_run_is_one_batch_in_which_nothing_stands_twice() -> None:
    """Two assets of one category share their index's path."""
    batch = plan_paths([moved("lamps", "ida"), moved("lamps", "mia"), moved("sofas", "ida")], "/", 100)
    assert batch
    assert batch.paths == (
        "/lamps/manifest/ida.json",
        "/lamps/manifest/index.json",
        "/lamps/manifest/mia.json",
        "/sofas/manifest/ida.json",
        "/sofas/manifest/index.json",
    )


def test_nothing_moved_is_nothing_told() -> None:
    """No change, or changes that moved no key, make no batch."""
    assert plan_paths([], "/", 100) is None
    assert plan_paths([Change("lamps/ida@1", ())], "/", 100) is None
    assert plan_tags([]) is None


def test_a_retry_is_the_same_invalidation_and_a_return_to_an_old_revision_is_a_new_one() -> None:
    """The reference depends on what was published, not on the order; the mark tells publishes of one revision apart."""
    ida, mia = moved("lamps", "ida", "a.1"), moved("lamps", "mia", "b.1")
    first, again = plan_paths([ida, mia], "/", 100), plan_paths([mia, ida, ida], "/", 100)
    assert first
    assert first == again
    back = plan_paths([moved("lamps", "ida", "a.3"), mia], "/", 100)
    assert back
    assert back.paths == first.paths
    assert back.reference != first.reference


def test_the_fullest_category_becomes_a_wildcard_when_there_are_too_many_paths() -> None:
    """3,001 changed pointers are told in two paths, and the small category keeps its own."""
    many = [moved("lamps", f"l{n}") for n in range(3001)]
    batch = plan_paths([*many, moved("sofas", "ida")], "/shop/", 30)
    assert batch
    assert batch.paths == ("/shop/lamps/manifest/*", "/shop/sofas/manifest/ida.json", "/shop/sofas/manifest/index.json")


def test_more_categories_than_wildcards_allowed_stay_within_the_limits() -> None:
    """40 categories of 200 assets: beyond what wildcards and single paths can say, everything is told to go."""
    batch = plan_paths([moved(f"c{c}", f"a{n}") for c in range(40) for n in range(200)], "/m/", 30)
    assert batch
    assert batch.paths == ("/m/*",)


changes = st.lists(
    st.builds(
        moved,
        category=st.sampled_from([f"c{n}" for n in range(30)]),
        asset=st.sampled_from(["a", "b", "index-card", "z"]),
        mark=st.sampled_from("123"),
        pages=st.integers(1, 4),
    ),
    min_size=1,
    max_size=60,
)


@given(changes, st.integers(1, 50))
def test_every_key_that_moved_is_told_and_no_payload_is(moves: list[Change], most: int) -> None:
    """Whatever moved: all of it is covered, within CloudFront's limits, and what carries its hash stays cached."""
    batch = plan_paths(moves, "/", most)
    assert batch
    assert all(any(told(path, f"/{key}") for path in batch.paths) for move in moves for key in move.keys)
    assert sum(path.endswith("*") for path in batch.paths) <= WILDCARDS
    assert len(batch.paths) <= min(INDIVIDUAL, 2 * len(moves) + sum(len(move.keys) - 2 for move in moves))
    assert not any(told(path, f"/{c}/{kind}/a.0123.glb") for path in batch.paths for c in ("c0", "c1") for kind in "ph")


def test_tags_name_the_pointers_of_a_category() -> None:
    """One tag a category, whatever moved in it."""
    batch = plan_tags([moved("lamps", "ida"), moved("lamps", "mia"), moved("sofas", "ida")])
    assert batch
    assert batch.paths == ("#pointers:lamps", "#pointers:sofas")
