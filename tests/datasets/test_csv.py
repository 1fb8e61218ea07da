import numpy as np
import pandas as pd
import pytest

from segmill.datasets import IngestProducer
from segmill.errors import ConfigError
from segmill.store import write_store
from tests.datasets.conftest import blobs, grey, problems_of, save


@pytest.fixture
def table(tmp_path):
    """A table of four pairs with columns of its own, and the configuration that reads it."""
    rows = []
    for k in range(4):
        save(tmp_path / "raw" / f"{k}.png", grey(seed=k))
        save(tmp_path / "labels" / f"truth{k}.png", blobs(n=1 + k % 3))
        rows.append(
            {
                "image": f"raw/{k}.png",
                "mask": f"labels/truth{k}.png",
                "split": ["train", "train", "val", "test"][k],
                "group": ["a", "a", "b", "c"][k],
                "frame": 5 * k,
                "zoom": 0.5 * k,
                "operator": "xy",
            }
        )
    pd.DataFrame(rows).to_csv(tmp_path / "samples.csv", index=False)
    config = {
        "reader": "csv",
        "labels": {"kind": "instances"},
        "split": {"column": "split"},
    }
    return tmp_path, config, rows


def rewrite(root, rows):
    pd.DataFrame(rows).to_csv(root / "samples.csv", index=False)


def test_rows_become_a_store(table):
    root, config, _ = table
    store = write_store(root / "out.zarr", IngestProducer(config, root))
    assert store.table["sample_id"].tolist() == [f"raw/{k}" for k in range(4)]
    assert store.table["split"].tolist() == ["train", "train", "val", "test"]
    assert store.table["group"].tolist() == ["a", "a", "b", "c"]
    assert store.table["frame"].tolist() == [0, 5, 10, 15]
    assert store.table["zoom"].tolist() == [0, 0.5, 1, 1.5]
    assert set(store.table["operator"]) == {"xy"}
    assert "mask" not in store.table
    for k in range(4):
        np.testing.assert_array_equal(store.image(k)[..., 0], grey(seed=k))
        np.testing.assert_array_equal(store.instances(k), blobs(n=1 + k % 3))


def test_columns_of_other_names(table):
    root, config, rows = table
    renamed = [
        {"photo": r["image"], "annotation": r["mask"], "set": r["split"], "fish": k}
        for k, r in enumerate(rows)
    ]
    pd.DataFrame(renamed).to_csv(root / "list.tsv", index=False, sep="\t")
    config["table"] = {
        "file": "list.tsv",
        "delimiter": "\t",
        "image": "photo",
        "mask": "annotation",
        "split": "set",
        "group": "fish",
    }
    plan = IngestProducer(config, root).plan()
    assert plan.table["group"].tolist() == ["0", "1", "2", "3"]
    assert plan.table["split"].tolist() == ["train", "train", "val", "test"]


def test_every_bad_row_is_named_with_its_line(table):
    root, config, rows = table
    rows[0]["image"] = "raw/none.png"
    rows[1]["mask"] = ""
    rows[2]["frame"] = -1
    rewrite(root, rows)
    found = {problem.file: problem for problem in problems_of(config, root)}
    assert set(found) == {f"{root}/samples.csv:{line}" for line in (2, 3, 4)}
    first = found[f"{root}/samples.csv:2"]
    assert (first.expected, first.found) == ("the image raw/none.png", "no such file")
    assert found[f"{root}/samples.csv:3"].found == "an empty cell"
    assert "whole frame number" in found[f"{root}/samples.csv:4"].expected


def test_row_without_mask_may_be_unannotated(table):
    root, config, rows = table
    rows[1]["mask"] = ""
    rewrite(root, rows)
    config["table"] = {"missing": "ignore"}
    producer = IngestProducer(config, root)
    assert "ignore" in producer.plan().fields
    assert producer.sample(1).ignore.all()
    assert not producer.sample(0).ignore.any()


def test_missing_column(table):
    root, config, rows = table
    rewrite(root, [{"picture": r["image"], "mask": r["mask"]} for r in rows])
    (problem,) = problems_of(config, root)
    assert problem.file == f"{root}/samples.csv"
    assert problem.expected.startswith("the columns image, mask")
    assert problem.found == "columns picture, mask"


def test_missing_and_empty_table(table):
    root, config, rows = table
    rewrite(root, pd.DataFrame(rows)[:0])
    assert problems_of(config, root)[0].found == "no row"
    (root / "samples.csv").unlink()
    assert "FileNotFoundError" in problems_of(config, root)[0].found


def test_the_same_image_twice(table):
    root, config, rows = table
    rewrite(root, [*rows, rows[0]])
    (problem,) = problems_of(config, root)
    assert problem.found == "a duplicate name"


def test_column_that_the_store_needs(table):
    root, config, rows = table
    rewrite(root, [{**r, "digest": 1} for r in rows])
    with pytest.raises(ConfigError, match=r"found \['digest'\]"):
        IngestProducer(config, root).plan()


def test_wrong_configuration(table):
    root, config, _ = table
    with pytest.raises(ConfigError, match=r"images: unknown \['pattern'\]"):
        IngestProducer({**config, "images": {"pattern": "*"}}, root)
    with pytest.raises(ConfigError, match="did you mean delimiter"):
        IngestProducer({**config, "table": {"delimeter": ";"}}, root)
