from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmill.datasets.base import Record
from segmill.datasets.splits import assign_splits
from segmill.errors import ConfigError, IntegrityError

ROOT = Path("/data")


def record(sample_id, group=None, split=None, **extra):
    path = ROOT / f"{sample_id}.png"
    return Record(sample_id, group or sample_id, path.name, path, split=split, extra=extra)


RECORDS = [record(f"s{k}", group=f"g{k // 2}") for k in range(8)]


def assign(settings, records=RECORDS, root=ROOT):
    return assign_splits(records, settings, root)


def problems(settings, records=RECORDS, root=ROOT):
    with pytest.raises(IntegrityError) as caught:
        assign(settings, records, root)
    return caught.value.problems


group_sizes = st.lists(st.integers(1, 5), min_size=3, max_size=20)


@given(group_sizes, st.integers(0, 5), st.randoms())
def test_fractions_divide_no_group_and_leave_no_split_empty(sizes, seed, shuffler):
    records = [record(f"{g}-{k}", group=f"g{g}") for g, n in enumerate(sizes) for k in range(n)]
    settings = {"fractions": {"train": 0.6, "val": 0.2, "test": 0.2}, "seed": seed}
    splits = dict(zip((r.sample_id for r in records), assign(settings, records), strict=True))
    by_group = {r.group: set() for r in records}
    for r in records:
        by_group[r.group].add(splits[r.sample_id])
    assert all(len(found) == 1 for found in by_group.values())
    assert set(splits.values()) == {"train", "val", "test"}
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    assert assign(settings, shuffled) == [splits[r.sample_id] for r in shuffled]


@given(st.integers(10, 200), st.integers(0, 5))
def test_fractions_are_met_to_a_sample_for_groups_of_one(n, seed):
    records = [record(f"s{k}") for k in range(n)]
    fractions = {"train": 0.5, "val": 0.2, "test": 0.3}
    splits = assign({"fractions": fractions, "seed": seed}, records)
    for split, share in fractions.items():
        assert abs(splits.count(split) - share * n) <= 1


def test_another_seed_draws_another_split():
    records = [record(f"s{k}") for k in range(50)]
    fractions = {"train": 0.5, "val": 0.5}
    drawn = [assign({"fractions": fractions, "seed": s}, records) for s in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_lists_name_samples_groups_and_patterns():
    settings = {"lists": {"train": ["g0", "s2"], "test": ["*[3*", "s?7"]}, "rest": "val"}
    records = [*RECORDS, record("a[3]"), record("s07")]
    expected = ["train"] * 4 + ["val"] * 4 + ["test"] * 2
    assert assign(settings, records) == expected


def test_lists_then_fractions_of_the_rest():
    settings = {"lists": {"test": ["g3"]}, "fractions": {"train": 0.67, "val": 0.33}}
    splits = assign(settings)
    assert splits[6:] == ["test", "test"]
    assert sorted(splits[:6]) == ["train"] * 4 + ["val"] * 2


def test_files_with_one_name_per_line(tmp_path):
    (tmp_path / "train.txt").write_text("# training\ns0.png\n\ns1.png\r\ns4\n")
    settings = {"files": {"train": "train.txt"}, "rest": "test"}
    assert (
        assign(settings, root=tmp_path)
        == ["train"] * 2 + ["test"] * 2 + ["train"] * 2 + ["test"] * 2
    )


def test_missing_file_of_a_split(tmp_path):
    found = problems({"files": {"train": "none.txt"}, "rest": "test"}, root=tmp_path)
    assert [problem.file for problem in found] == [str(tmp_path / "none.txt")]


def test_the_sources_own_words():
    records = [record("a", split="training"), record("b", split="val"), record("c")]
    settings = {"column": "split", "names": {"train": "training"}, "rest": "test"}
    assert assign(settings, records) == ["train", "val", "test"]


def test_any_column_of_the_source():
    records = [record("a", day=1), record("b", day=2), record("c", day=float("nan"))]
    settings = {"column": "day", "names": {"train": ["1"], "val": ["2"]}, "rest": "test"}
    assert assign(settings, records) == ["train", "val", "test"]


def test_every_offence_is_named():
    records = [
        record("a", group="g", split="train"),
        record("b", group="g", split="test"),
        record("c", split="holdout"),
        record("d"),
    ]
    found = {p.file: p for p in problems({"column": "split", "lists": {"val": ["e"]}}, records)}
    assert set(found) == {"group g", "sample c", "sample d", "split.lists.val"}
    assert found["group g"].found == "test (b), train (a)"
    assert found["sample c"].found == "'holdout'"
    assert "split.names" in found["sample c"].expected
    assert found["sample d"].found == "none: see split"
    assert found["split.lists.val"].found == "'e'"


def test_a_sample_in_two_lists():
    (problem,) = problems({"lists": {"train": ["s0"], "test": ["s1"]}, "rest": "val"})
    assert problem.file == "group g0"
    assert problem.found == "test (s1), train (s0)"


def test_too_few_groups_for_the_fractions():
    found = problems({"fractions": {"train": 0.8, "val": 0.1, "test": 0.1}}, RECORDS[:4])
    assert found[0].expected == "at least 3 groups to share out among train, val, test"
    assert found[0].found == "2: g0, g1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fraction": {}}, "unknown key 'fraction'"),
        ({"fractions": {"train": 0.5}}, "shares that sum to 1"),
        ({"fractions": {"train": 1.5, "val": -0.5}}, "shares that sum to 1"),
        ({"fractions": {"training": 1}}, "expected splits"),
        ({"rest": "all"}, "rest: expected one of"),
        ({"rest": "val", "fractions": {"train": 1}}, "found both"),
        ({"names": {"train": "a"}, "rest": "val"}, "names: expected the key column"),
    ],
)
def test_contradictory_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        assign(settings)
