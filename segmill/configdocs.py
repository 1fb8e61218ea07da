"""The reference of the configuration, written from the schemas that check it.

``python -m segmill.configdocs`` rewrites config/README.md; a test keeps the two in step.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

INTRODUCTION = """\
# Configuration

Written by `make docs` from the schemas in `workflow/schemas/`, which check every file before any
job starts: a wrong key, value, path or name is reported with its file, what was found and what is
allowed.

- `config.yaml` says what to run. Every key can be changed on the command line:
  `snakemake --config preset=smoke`.
- `datasets/`, `recipes/`, `classical/` and `studies/` hold one file per thing; its name without
  `.yaml` is the name that other files use.
- Any of these files may have a section `presets` with the entries `smoke`, `demo` and `full`: the
  entry of the current preset is laid over the rest of the file. A preset changes sizes, never code.
- Any key of any file can be changed on the command line, too:
  `snakemake --config set="studies.cells.base.training.batch_size=2 recipes.cells.seed=3"`.
"""
ORDER = (
    "config",
    "dataset",
    "recipe",
    "classical",
    "study",
    "training",
    "prediction",
    "evaluation",
)


def reference(schemas: str | Path) -> str:
    """Markdown that documents every key of every file, section by section."""
    sections = [INTRODUCTION]
    for name in ORDER:
        path = Path(schemas) / f"{name}.schema.json"
        schema = json.loads(path.read_text())
        rows = list(dict.fromkeys(_rows(schema, schema, "")))
        title = schema.get("title", name)
        sections.append(f"## {title}\n\n{schema.get('description', '')}\n")
        sections.append("| key | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(sections)


def _rows(schema: dict, root: dict, prefix: str) -> Iterator[str]:
    """One row for each key, depth first; alternatives one after another."""
    for key, part in schema.get("properties", {}).items():
        target = _resolve(part, root)
        words = part.get("description") or target.get("description", "")
        if "default" in target:
            words += f" Default: `{json.dumps(target['default'])}`."
        yield f"| `{prefix}{key}` | {_type(target)} | {_escape(words)} |"
        yield from _rows(target, root, f"{prefix}{key}.")
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        yield from _rows(_resolve(extra, root), root, f"{prefix}NAME.")
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _rows(_resolve(items, root), root, f"{prefix.rstrip('.')}[].")
    for alternative in _alternatives(schema):
        yield from _rows(_resolve(alternative, root), root, prefix)


def _alternatives(schema: dict) -> list[dict]:
    found = [part for word in ("oneOf", "anyOf", "allOf") for part in schema.get(word, [])]
    return found + [schema[word] for word in ("then", "else") if word in schema]


def _resolve(schema: dict, root: dict) -> dict:
    reference_ = schema.get("$ref")
    if reference_ is None:
        return schema
    target = root
    for key in reference_.removeprefix("#/").split("/"):
        target = target[key]
    return target


def _type(schema: dict) -> str:
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kinds = schema.get("type")
    if kinds is None:
        inner = [_type(part) for word in ("oneOf", "anyOf") for part in schema.get(word, [])]
        return " or ".join(dict.fromkeys(inner))
    return " or ".join(kinds) if isinstance(kinds, list) else kinds


def _escape(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")


def main() -> None:
    """Rewrite config/README.md of the checkout in the working directory."""
    target = Path("config/README.md")
    target.write_text(reference("workflow/schemas"))
    print(f"wrote {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
