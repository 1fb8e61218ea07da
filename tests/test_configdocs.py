"""The reference of the configuration is in step with the schemas, and leaves out no key."""

import json
from pathlib import Path

import pytest

from segmill.configdocs import reference

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "workflow" / "schemas"


def test_the_reference_is_in_step_with_the_schemas():
    written = (ROOT / "config" / "README.md").read_text()
    assert written == reference(SCHEMAS), "run: make docs"


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_every_key_is_described(path):
    schema = json.loads(path.read_text())

    def undescribed(node, where):
        if not isinstance(node, dict):
            return
        for key, part in (node.get("properties") or {}).items():
            resolved = part.get("description") or (
                schema["$defs"][part["$ref"].split("/")[-1]].get("description")
                if "$ref" in part
                else None
            )
            # A bare condition (`const` under `if`) describes nothing.
            if not resolved and set(part) != {"const"} and "not" not in part:
                yield f"{where}{key}"
            yield from undescribed(part, f"{where}{key}.")
        for word in ("items", "additionalProperties"):
            yield from undescribed(node.get(word), f"{where}[].")
        for name, part in (node.get("$defs") or {}).items():
            yield from undescribed(part, f"{name}.")

    assert list(undescribed(schema, "")) == []
