"""Digests of the code behind each stage, as parameters of the rules."""

from functools import cache

from segmill.provenance import code_hash, files_hash, registered

# Stage -> modules whose code its result depends on; a change there runs the stage again.
CODE = {
    "ingest": ("segmill.datasets.*", "segmill.store"),
    "synthesize": ("segmill.synthetic", "segmill.store"),
    "unite": ("segmill.datasets.union", "segmill.store"),
    "classical": ("segmill.classical.producers", "segmill.store"),
    "align": ("segmill.classical.alignment_tables",),
    "augment": ("segmill.augment", "segmill.store"),
    "train": ("segmill.training", "segmill.models", "segmill.losses"),
    "predict": ("segmill.inference",),
    "choose": ("segmill.metrics.postprocessing",),
    "evaluate": ("segmill.metrics.evaluation",),
    "superpixels": ("segmill.classical.superpixel_producer", "segmill.store"),
    "superpixel_evaluation": ("segmill.metrics.superpixel_tables",),
    "superpixel_numbers": ("segmill.metrics.superpixel_numbers",),
    "robustness": ("segmill.metrics.invariance", "segmill.inference"),
    "latency": ("segmill.inference.speed",),
    "networks": ("segmill.models.architecture", "segmill.models"),
    "invariance": ("segmill.metrics.network_invariance", "segmill.inference"),
    "choose_classes": (
        "segmill.metrics.class_postprocessing",
        "segmill.inference.postprocess_store",
    ),
    "tables": ("segmill.report.tables", "segmill.report.summaries"),
    "figures": ("segmill.report.figures",),
    "report": ("segmill.report.pages",),
}

# What says how work goes on, and where from, changes no number.
NEUTRAL = frozenset({"segmill.errors", "segmill.progress", "segmill.provenance"})
# Stages whose result also depends on the templates of the pages.
TEMPLATED = ("tables", "report")


@cache
def stage_code(stage: str) -> str:
    """Digest of the library code behind a stage, templates included."""
    code = code_hash(*CODE[stage], without=NEUTRAL)
    return code + files_hash("report/templates") if stage in TEMPLATED else code


@cache
def network_code(stage: str, network: str) -> str:
    """Digest of the code behind a stage that uses one network, without all other networks."""
    networks = registered("segmill.models")
    others = set(networks.values()) - {networks.get(network)}
    return code_hash(*CODE[stage], without=others | NEUTRAL)
