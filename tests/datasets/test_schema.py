"""The schema of dataset files accepts what the readers accept, and says what is wrong otherwise."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import jsonschema
import pytest
import yaml

from segmill.datasets import download, reader_names, splits
from segmill.datasets.alignments import VideoRules
from segmill.datasets.click_tables import ClickColumns
from segmill.datasets.coco_rules import CocoRules, CocoSet
from segmill.datasets.images import ImageRules
from segmill.datasets.masks import LabelRules
from segmill.datasets.names import NameRules
from segmill.datasets.readers.bsds import BsdsRules
from segmill.datasets.readers.clicks import ClickRules
from segmill.datasets.readers.csv import TableRules
from segmill.datasets.readers.ctc import SequenceRules
from segmill.datasets.readers.labelme import LabelmeRules
from segmill.datasets.readers.sources import TileOptions
from segmill.datasets.views import ViewRules
from segmill.sources import SourceOptions

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "workflow" / "schemas" / "dataset.schema.json").read_text())
FILES = sorted((ROOT / "config" / "datasets").glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
MINIMAL = {
    "reader": "folder",
    "path": "x",
    "images": {"pattern": "*.png"},
    "masks": {"pattern": "*.png"},
    "split": {"rest": "test"},
}


def errors(config):
    return [
        f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in VALIDATOR.iter_errors(config)
    ]


def names(cls):
    return {field.name for field in fields(cls)}


def keys(definition):
    return set(SCHEMA["$defs"][definition]["properties"])


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_files_are_valid(path):
    config = yaml.safe_load(path.read_text())
    config.pop("presets", None)
    assert errors(config) == []


def test_keys_are_those_of_the_code():
    assert keys("image_rules") == names(ImageRules)
    assert keys("folder_images") == names(ImageRules) | names(NameRules)
    assert keys("folder_masks") == names(NameRules) | {"missing"}
    assert keys("labels") == names(LabelRules) - {"classes"}
    assert keys("table") == names(TableRules)
    assert keys("labelme_rules") == names(LabelmeRules) | names(ViewRules) | {
        "calibration",
        "aliases",
    }
    assert keys("click_rules") == names(ClickRules) | names(ViewRules) | {"calibration", "columns"}
    assert set(SCHEMA["$defs"]["click_rules"]["properties"]["columns"]["properties"]) == names(
        ClickColumns
    )
    assert keys("single_image_rules") == names(ImageRules) - {"pages"}
    assert keys("ctc_rules") == names(SequenceRules) | {"sequences", "blocks"}
    assert keys("video_rules") == names(VideoRules)
    assert keys("bsds_rules") == names(BsdsRules)
    assert keys("coco_rules") == names(CocoRules) | {"sets", "categories"}
    sets = SCHEMA["$defs"]["coco_rules"]["properties"]["sets"]
    assert set(sets["additionalProperties"]["properties"]) == names(CocoSet)
    assert keys("source_rules") == names(TileOptions) | {"detection"}
    detection = SCHEMA["$defs"]["source_rules"]["properties"]["detection"]["properties"]
    assert {k: part["default"] for k, part in detection.items()} == asdict(SourceOptions())
    assert keys("split") == set(splits.KEYS)
    assert keys("download_file") == set(download.KEYS)
    assert set(reader_names()) <= set(SCHEMA["$defs"])


def test_every_key_has_a_description():
    bare = []

    def visit(node, path):
        if not isinstance(node, dict):
            return
        for key, value in node.get("properties", {}).items():
            target = value
            while "$ref" in target and "description" not in target:
                target = SCHEMA["$defs"][target["$ref"].removeprefix("#/$defs/")]
            if "description" not in target:
                bare.append(f"{path}.{key}")
            visit(value, f"{path}.{key}")

    for name, definition in SCHEMA["$defs"].items():
        visit(definition, name)
    assert bare == []


def test_a_minimal_file_is_valid():
    assert errors(MINIMAL) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"table": {}}, "'table' was unexpected"),
        ({"images": {"patern": "*"}}, "images: 'pattern' is a required property"),
        ({"labels": {"kind": "instance"}}, "labels.kind: 'instance' is not one of"),
        ({"labels": {"values": {0: "background"}}}, "'background' is not of type 'integer'"),
        ({"split": {"fractions": {"train": 2}}}, "split.fractions.train: 2 is greater"),
        ({"split": {"rest": "all"}}, "split.rest: 'all' is not one of"),
        ({"reader": "ctc"}, "'images' was unexpected|pattern"),
        ({"download": {"url": "x", "sha256": None}}, "download.url: 'x' does not match"),
        ({"download": [{"url": "http://x"}]}, "download.0: 'sha256' is a required property"),
        ({"path": None}, "path: None is not of type 'string'"),
    ],
)
def test_errors_name_key_and_value(change, expected):
    found = errors({**MINIMAL, **change})
    assert any(part in line for line in found for part in expected.split("|")), found


def test_a_place_for_the_files_is_required():
    config = {key: value for key, value in MINIMAL.items() if key != "path"}
    assert errors(config) == [": 'path' is a required property"]
    assert errors({**config, "download": {"url": "http://x/y", "sha256": None}}) == []


def test_other_readers_have_free_options():
    config = {"reader": "npz", "path": "x", "split": {"rest": "test"}, "options": {"any": [1]}}
    assert errors(config) == []
