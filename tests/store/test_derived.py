"""Stores made of the images of another keep what stays true of those."""

import numpy as np
import pandas as pd
import pytest

from segmill.errors import ConfigError
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store
from segmill.store.derived import derived_plan, rows_of_split


class Source:
    """Three images of two splits."""

    def plan(self):
        table = pd.DataFrame(
            {
                "sample_id": ["a", "b", "c"],
                "group": ["g", "g", "h"],
                "split": ["train", "train", "test"],
                "height": 5,
                "width": 7,
                "source": "here",
                "frame": [0, 1, 2],
                "omega": [0.0, 10.0, 20.0],
            }
        )
        attributes = {"dataset": "noise", "units": {"omega": "deg"}, "licence": "CC0", "config": {}}
        return StorePlan(table, {"image": FieldSpec("uint16", 3)}, 5, 7, attributes)

    def sample(self, i):
        return Sample(np.full((5, 7, 3), i, np.uint16))


@pytest.fixture
def source(tmp_path):
    return write_store(tmp_path / "source.zarr", Source())


def test_rows_of_a_split_and_of_all(source):
    assert rows_of_split(source, "train").tolist() == [0, 1]
    assert rows_of_split(source, None).tolist() == [0, 1, 2]
    with pytest.raises(ConfigError, match=r"no sample of split 'val', only of \['test', 'train'\]"):
        rows_of_split(source, "val")


def test_a_plan_has_the_rows_the_image_and_what_is_true_of_it(source):
    fields = {"instances": FieldSpec("int32")}
    plan = derived_plan(source, np.array([2, 0]), fields, {"config": {"a": 1}, "dataset": "more"})
    assert plan.table["sample_id"].tolist() == ["c", "a"]
    assert plan.table["omega"].tolist() == [20.0, 0.0]
    assert plan.table.index.tolist() == [0, 1]
    assert plan.fields == {"image": FieldSpec("uint16", 3), **fields}
    assert (plan.height, plan.width) == (5, 7)
    assert plan.attributes == {
        "dataset": "more",
        "units": {"omega": "deg"},
        "licence": "CC0",
        "config": {"a": 1},
        "images": source.content_hash,
    }
