# Configuration and lookups that the rules share. No rules here.
from pathlib import Path

from segmill.config import load_config
from segmill.errors import ConfigError
from segmill.provenance import files_hash
from segmill.workflow import Lookup, stage_code

SOURCE = Path(workflow.current_basedir).parents[1]

try:
    CONFIG = load_config(Path.cwd(), config, schemas=SOURCE / "workflow" / "schemas")
except ConfigError as error:
    raise WorkflowError(str(error)) from None

LOOK = Lookup(CONFIG)


wildcard_constraints:
    dataset="[a-z0-9_]+",
    recipe="[a-z0-9_]+",
    # No method is called as the folder of a training seed.
    method=r"(?!seed\d)[a-z0-9_]+",
    study="[a-z0-9_]+",
    experiment="[a-z0-9_]+",
    table="[a-z0-9_]+",
    figure="[a-z0-9_]+",
    seed=r"\d+",
    split="train|val|test",
    part=r"\d+",
    parts=r"\d+",
