"""What the Snakefile looks up: which files a target needs, which settings a job gets.

Everything here is plain Python on the checked configuration, free of Snakemake and of heavy
imports, so that planning thousands of jobs takes seconds and each lookup can be tested by itself.
"""

from functools import cache
from pathlib import Path

from segmill.config import Config
from segmill.errors import ConfigError
from segmill.names import CLASSICAL, Named
from segmill.provenance import code_hash, files_hash, registered

# Stage -> modules whose code its result depends on; a change there runs the stage again.
CODE = {
    "ingest": ("segmill.datasets.*", "segmill.store"),
    "synthesize": ("segmill.synthetic", "segmill.store"),
    "classical": ("segmill.classical.producer", "segmill.store"),
    "augment": ("segmill.augment", "segmill.store"),
    "train": ("segmill.training", "segmill.models", "segmill.losses"),
    "predict": ("segmill.inference",),
    "choose": ("segmill.metrics.postprocessing",),
    "evaluate": ("segmill.metrics",),
    "tables": ("segmill.report.tables", "segmill.metrics.summary"),
    "figures": ("segmill.report.figures",),
    "report": ("segmill.report.pages",),
}


# Stages whose result also depends on the templates of the pages.
TEMPLATED = ("tables", "report")


@cache
def stage_code(stage: str) -> str:
    """Digest of the library code behind a stage, templates included."""
    code = code_hash(*CODE[stage])
    return code + files_hash("report/templates") if stage in TEMPLATED else code


@cache
def network_code(stage: str, network: str) -> str:
    """Digest of the code behind a stage that uses one network, without all other networks."""
    networks = registered("segmill.models")
    others = set(networks.values()) - {networks.get(network)}
    return code_hash(*CODE[stage], without=others)


def dataset_table(dataset: str) -> str:
    """Table of the store of a dataset."""
    return f"results/stores/{dataset}.parquet"


def shards_table(dataset: str, recipe: str, split: str) -> str:
    """Table of the augmented shards of one split."""
    return f"results/shards/{dataset}/{recipe}/{split}.parquet"


def downloads(dataset: str) -> str:
    """Folder of the downloaded files of a dataset."""
    return f"results/downloads/{dataset}"


def run_folder(study: str, experiment: str, seed: int | str) -> str:
    """Folder of one training."""
    return f"results/runs/{study}/{experiment}/seed{seed}"


class Lookup:
    """Settings and inputs by the wildcards of a rule."""

    def __init__(self, config: Config):
        self.config = config

    # --- stores -----------------------------------------------------------------------------------

    def dataset_settings(self, dataset: str) -> dict:
        """Settings of a dataset that its store depends on, its name among them."""
        settings = self.config.datasets[dataset]
        return {"name": dataset, **{k: v for k, v in settings.items() if k != "parts"}}

    def is_synthetic(self, dataset: str) -> bool:
        """Whether a dataset is generated rather than read."""
        return self.config.datasets[dataset]["reader"] == "synthetic"

    def dataset_producer(self, dataset: str) -> dict:
        """Description of the stage that makes the store of a dataset."""
        settings = self.dataset_settings(dataset)
        if self.is_synthetic(dataset):
            return {"stage": "synthesize", "config": settings}
        return {"stage": "ingest", "config": settings, "root": downloads(dataset)}

    def dataset_code(self, dataset: str) -> str:
        """Digest of the code that makes the store of a dataset."""
        return stage_code("synthesize" if self.is_synthetic(dataset) else "ingest")

    def dataset_inputs(self, dataset: str) -> list[str]:
        """The list of downloaded files, for a dataset that is downloaded."""
        downloaded = "download" in self.config.datasets[dataset]
        return [f"{downloads(dataset)}.json"] if downloaded else []

    def dataset_store_inputs(self, dataset: str) -> dict[str, list[str]]:
        """The parts of a dataset's store, or what it is made from at once."""
        parts = self.config.datasets[dataset].get("parts", 1)
        return _parts(f"results/parts/stores/{dataset}", parts, self.dataset_inputs(dataset))

    def shards_producer(self, dataset: str, recipe: str, split: str) -> dict:
        """Description of the augmentation of one split."""
        settings = {k: v for k, v in self.config.recipes[recipe].items() if k != "parts"}
        return {
            "stage": "augment",
            "store": dataset_table(dataset),
            "seed": settings.pop("seed", 0),
            "compression": settings.pop("compression", "none"),
            "recipe": settings,
            "split": split,
        }

    def shards_inputs(self, dataset: str, recipe: str, split: str) -> dict[str, list[str]]:
        """The parts of a split's shards, or the store they are made from at once."""
        # Validation crops are few and plain: they need no parts.
        parts = self.config.recipes[recipe].get("parts", 1) if split == "train" else 1
        folder = f"results/parts/shards/{dataset}/{recipe}/{split}"
        return _parts(folder, parts, [dataset_table(dataset)])

    def classical_producer(self, dataset: str, method: str) -> dict:
        """Description of a classical method applied to the test images of a dataset."""
        return {
            "stage": "classical",
            "store": dataset_table(dataset),
            "config": self.config.classical[method],
            "split": "test",
        }

    def prediction_producer(
        self, study: str, experiment: str, seed: str, dataset: str, split: str = "test"
    ) -> dict:
        """Description of the prediction of one trained network on a split of a dataset."""
        choice = self.choice_inputs(study, experiment, seed, dataset) if split == "test" else []
        return {
            "stage": "predict",
            "store": dataset_table(dataset),
            "models": [f"{run_folder(study, experiment, seed)}/model.pt"],
            "split": split,
            "options": self.prediction(study, experiment),
            "choice": choice[0] if choice else None,
        }

    def prediction(self, study: str, experiment: str) -> dict:
        """How the network of an experiment is applied."""
        settings = self.config.experiment(study, experiment).get("prediction") or {}
        return {key: value for key, value in settings.items() if key != "choose"}

    def choice(self, study: str, experiment: str) -> dict | None:
        """What is tried on validation images to make objects of scores, if anything."""
        return (self.config.experiment(study, experiment).get("prediction") or {}).get("choose")

    def choice_inputs(self, study: str, experiment: str, seed: str, dataset: str) -> list[str]:
        """File of the options that were chosen on validation images, if any were to be chosen."""
        if not self.choice(study, experiment):
            return []
        return [f"results/predictions/{study}/{experiment}/seed{seed}/{dataset}.choice.json"]

    # --- trainings --------------------------------------------------------------------------------

    def training(self, study: str, experiment: str, seed: str) -> dict:
        """The training block of an experiment, with its seed."""
        return {**self.config.experiment(study, experiment)["training"], "seed": int(seed)}

    def network_code(self, stage: str, study: str, experiment: str) -> str:
        """Digest of the code of a stage with the network of an experiment, without the others."""
        training = self.config.experiment(study, experiment)["training"]
        return network_code(stage, training["model"]["name"])

    def threads(self, study: str, experiment: str) -> int:
        """Threads of a training: a setting of its own, as they change the last bits of sums."""
        return int(self.config.experiment(study, experiment)["training"].get("threads", 1))

    def shards(self, study: str, experiment: str, split: str) -> str:
        """Shards that an experiment is trained or validated on."""
        settings = self.config.experiment(study, experiment)
        return shards_table(settings["dataset"], settings["recipe"], split)

    def runs(self, study: str, experiment: str | None = None) -> list[tuple[str, int]]:
        """(experiment, seed) of the trainings of a study, or of one of its experiments."""
        names = [experiment] if experiment else self.config.experiments(study)
        return [(name, seed) for name in names for seed in self.config.seeds(study)]

    def models(self, study: str) -> list[str]:
        """Trained networks of a study."""
        return [f"{run_folder(study, *run)}/model.pt" for run in self.runs(study)]

    def datasets(self, study: str) -> list[str]:
        """Datasets of the experiments of a study, each once."""
        names = [self._dataset(study, name) for name in self.config.experiments(study)]
        return list(dict.fromkeys(names))

    def data(self, study: str) -> list[str]:
        """Stores and shards of a study."""
        wanted = [dataset_table(dataset) for dataset in self.datasets(study)]
        for experiment in self.config.experiments(study):
            wanted += [self.shards(study, experiment, split) for split in ("train", "val")]
        return list(dict.fromkeys(wanted))

    def _dataset(self, study: str, experiment: str) -> str:
        return self.config.experiment(study, experiment)["dataset"]

    # --- new images -------------------------------------------------------------------------------

    def new_images_model(self) -> str:
        """Network that the target `predict` applies."""
        return f"results/runs/{self.config.predict.get('model', 'none')}/model.pt"

    def new_images(self) -> list[str]:
        """Files that the target `predict` is given, without those that it wrote itself.

        Raises ConfigError if none are configured. A path that does not exist is given back, so that
        Snakemake names it as missing.
        """
        images = self.config.predict.get("images")
        if not images:
            raise ConfigError(
                "config/config.yaml: predict.images: expected a folder of images, or one image, "
                "found nothing; try snakemake predict --config 'predict={images: FOLDER}'"
            )
        written = Path(self.new_images_done()).parent.resolve()
        files = [path for path in sorted(Path(images).rglob("*")) if path.is_file()]
        return [str(f) for f in files if not f.resolve().is_relative_to(written)] or [images]

    def new_images_done(self) -> str:
        """File that says that the target `predict` has written all its predictions."""
        output = self.config.predict.get("output", "results/predicted")
        return f"{output.rstrip('/')}/.done"

    # --- metrics, tables, figures -----------------------------------------------------------------

    def evaluation(self, study: str, experiment: str | None = None) -> dict:
        """What is measured: the study's settings, with those of one experiment over them."""
        base = self.config.studies[study]["base"]
        settings = self.config.experiment(study, experiment) if experiment else base
        return settings.get("evaluation") or {}

    def metrics(self, study: str, method: str) -> dict[int, str]:
        """Counts per seed of an experiment, or of ``classical/METHOD/DATASET`` (as seed 0)."""
        if method.startswith(CLASSICAL):
            _, name, dataset = method.split("/")
            return {0: f"results/metrics/{study}/classical/{name}/{dataset}.parquet"}
        dataset = self._dataset(study, method)
        return {
            seed: f"results/metrics/{study}/{method}/seed{seed}/{dataset}.parquet"
            for seed in self.config.seeds(study)
        }

    def _entry(self, study: str, kind: str, name: str) -> dict:
        """One of the tables or figures of a study."""
        return Named(f"{kind[:-1]} of {study}", self.config.studies[study][kind])[name]

    def table_settings(self, study: str, table: str) -> dict:
        """A table as configured, without what the preset does not run."""
        settings = dict(self._entry(study, "tables", table))
        run = set(self.config.experiments(study))
        rows = [_only(row, run) for row in settings["rows"]]
        settings["rows"] = [row for row in rows if row["experiments"]]
        shown = {row["row"] for row in settings["rows"]}
        settings["published"] = [v for v in settings.get("published", []) if v["row"] in shown]
        return settings

    def table_sources(self, study: str, table: str) -> dict[str, dict[int, str]]:
        """Method -> seed -> counts, for every method that a table shows."""
        rows = self.table_settings(study, table)["rows"]
        methods = dict.fromkeys(name for row in rows for name in row["experiments"].values())
        return {method: self.metrics(study, method) for method in methods}

    def table_inputs(self, study: str, table: str) -> list[str]:
        """Files of counts that a table needs."""
        sources = self.table_sources(study, table)
        return [path for seeds in sources.values() for path in seeds.values()]

    def tables(self, study: str) -> list[str]:
        """Tables of a study."""
        names = self.config.studies[study]["tables"]
        return [f"results/tables/{study}/{name}.csv" for name in names]

    def figure_settings(self, study: str, figure: str) -> dict:
        """A figure as configured, with what its kind needs to know of the study."""
        settings = dict(self._entry(study, "figures", figure))
        if "experiments" in settings:
            run = self.config.experiments(study)
            settings["experiments"] = [name for name in settings["experiments"] if name in run]
        names = settings.get("experiments") or [settings.get("experiment")]
        if settings["kind"] == "stages":
            settings["prediction"] = self.prediction(study, settings["experiment"])
        settings["labels"] = {name: self.label(study, name) for name in names if name}
        settings["seeds"] = self.config.seeds(study)
        return settings

    def label(self, study: str, experiment: str) -> str:
        """Name of an experiment in tables and figures."""
        return self.config.experiment(study, experiment).get("label", experiment)

    def figure_inputs(self, study: str, figure: str) -> dict:
        """Files that a figure is drawn from, by what they are."""
        settings = self.figure_settings(study, figure)
        names = settings.get("experiments") or [settings.get("experiment")]
        if settings["kind"] in ("curves", "curves_compared"):
            runs = [run for name in names for run in self.runs(study, name)]
            return {"histories": [f"{run_folder(study, *run)}/history.parquet" for run in runs]}
        if settings["kind"] in ("elastic", "weights", "samples"):
            return {"store": dataset_table(settings["dataset"])}
        return self._prediction_inputs(study, settings)

    def _prediction_inputs(self, study: str, settings: dict) -> dict:
        """Files behind a figure of predictions: those of the first seed."""
        experiment, seed = settings["experiment"], settings["seeds"][0]
        dataset = self._dataset(study, experiment)
        store = {"store": dataset_table(dataset)}
        if settings["kind"] == "stages":
            folder = run_folder(study, experiment, seed)
            return {**store, "model": f"{folder}/model.pt", "snapshots": f"{folder}/snapshots.pt"}
        return {
            **store,
            "prediction": f"results/predictions/{study}/{experiment}/seed{seed}/{dataset}.parquet",
            "metrics": self.metrics(study, experiment)[seed],
        }

    def figures(self, study: str) -> list[str]:
        """Figures of a study that the preset has the experiments for."""
        run = set(self.config.experiments(study))
        return [
            f"results/figures/{study}/{name}.svg"
            for name, settings in self.config.studies[study]["figures"].items()
            if settings.get("experiment") in (None, *run)
        ]

    def report_inputs(self, study: str) -> list[str]:
        """Tables and figures of a study."""
        return [*self.tables(study), *self.figures(study)]

    def report_settings(self) -> dict[str, dict]:
        """What the report says of each study: its settings and those of the data it uses."""
        return {study: self._study_settings(study) for study in self.config.selected}

    def _study_settings(self, study: str) -> dict:
        experiments = {n: self.config.experiment(study, n) for n in self.config.experiments(study)}
        recipes = {settings["recipe"] for settings in experiments.values()}
        return {
            "study": self.config.studies[study],
            "tables": {Path(path).stem: path for path in self.tables(study)},
            "figures": {Path(path).stem: path for path in self.figures(study)},
            "datasets": {name: self.config.datasets[name] for name in self.datasets(study)},
            "recipes": {name: self.config.recipes[name] for name in sorted(recipes)},
        }


def _parts(folder: str, parts: int, sources: list[str]) -> dict[str, list[str]]:
    """Inputs of a store: its parts when several jobs make it, else what it is made from."""
    if parts == 1:
        return {"sources": sources}
    return {"parts": [f"{folder}/{part}of{parts}.json" for part in range(parts)]}


def _only(row: dict, run: set[str]) -> dict:
    """A row of a table with only those of its experiments that are run."""
    row = dict(row)
    experiments = row.pop("experiments", None) or {"": row.pop("experiment")}
    kept = {v: e for v, e in experiments.items() if e in run or e.startswith(CLASSICAL)}
    return {**row, "experiments": kept}
