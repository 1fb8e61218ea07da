"""Lookups of metrics, tables, figures and pages."""

from pathlib import Path

from segmill.methods import Method, parse_method
from segmill.names import Named
from segmill.workflow.networks import INVARIANCE, NetworkLookup
from segmill.workflow.paths import alignment_table, dataset_table, run_folder

# Kinds of figures of accuracy against a setting of the experiments.
CURVES_OF_SETTINGS = ("label_errors", "training_sizes")


class Lookup(NetworkLookup):
    """Settings and inputs of every rule, by its wildcards."""

    def evaluation(self, study: str, experiment: str | None = None) -> dict:
        """What is measured: the study's settings, with those of one experiment over them."""
        base = self.config.studies[study]["base"]
        settings = self.config.experiment(study, experiment) if experiment else base
        measured = settings.get("evaluation") or {}
        return {key: value for key, value in measured.items() if key != "latency"}

    def latency(self, study: str, experiment: str) -> dict:
        """On what the speed of a network is measured."""
        return (self.config.experiment(study, experiment).get("evaluation") or {})["latency"]

    def changes(self, study: str, figure: str) -> dict:
        """Angles and scales of a figure of robustness, without its words."""
        settings = self._entry(study, "figures", figure)
        return {key: settings[key] for key in ("angles", "scales", "notion") if key in settings}

    def metrics(self, study: str, text: str) -> dict[int, str]:
        """File per seed behind a method of a table; seed 0 where nothing is trained.

        `text` is a name as :func:`segmill.methods.parse_method` takes it. What is in the file
        depends on the kind of method: see :mod:`segmill.report.summaries`.
        """
        method = parse_method(text)
        return getattr(self, f"_{method.kind}_files")(study, method)

    def _experiment_files(self, study: str, method: Method) -> dict[int, str]:
        dataset = method.dataset or self._dataset(study, method.experiment)
        return {
            seed: f"results/metrics/{study}/{method.experiment}/seed{seed}/{dataset}.parquet"
            for seed in self.config.seeds(study)
        }

    def _classical_files(self, study: str, method: Method) -> dict[int, str]:
        folder = f"results/metrics/{study}/classical/{method.method}"
        return {0: f"{folder}/{method.dataset}.parquet"}

    def _alignment_files(self, study: str, method: Method) -> dict[int, str]:
        return {0: alignment_table(method.dataset, method.method)}

    def _data_files(self, study: str, method: Method) -> dict[int, str]:
        return {0: dataset_table(method.dataset)}

    def _latency_files(self, study: str, method: Method) -> dict[int, str]:
        seed = self.config.seeds(study)[0]
        return {seed: f"results/latency/{study}/{method.experiment}/seed{seed}.parquet"}

    def _network_files(self, study: str, method: Method) -> dict[int, str]:
        return {0: f"results/networks/{study}.parquet"}

    def _postprocessed_files(self, study: str, method: Method) -> dict[int, str]:
        dataset = self._dataset(study, method.experiment)
        folder = f"results/metrics/{study}/postprocessed/{method.experiment}"
        return {s: f"{folder}/seed{s}/{dataset}.parquet" for s in self.config.seeds(study)}

    def _superpixels_files(self, study: str, method: Method) -> dict[int, str]:
        return {0: f"results/superpixel_metrics/classical/{method.method}/{method.dataset}.parquet"}

    def _superpixels_of_files(self, study: str, method: Method) -> dict[int, str]:
        dataset = method.dataset or self._dataset(study, method.experiment)
        folder = f"results/superpixel_metrics/{study}/{method.experiment}"
        return {
            seed: f"{folder}/seed{seed}/{method.method}/{dataset}.parquet"
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
        if settings["kind"] == "alignment":
            settings["options"] = self.classical_options(settings["method"])
        if settings["kind"] == "superpixel_numbers":
            configs = self.config.classical
            settings["methods"] = {name: configs[name] for name in settings["methods"]}
        if settings["kind"] == "dilations":
            model = self.config.experiment(study, settings["experiment"])["training"]["model"]
            settings["network"] = model.get("options") or {}
        if settings["kind"] == "compared":
            run = self.config.experiments(study)
            methods = [m for m in settings["methods"] if parse_method(m).experiment in (None, *run)]
            settings["methods"] = methods
            settings["headings"] = [self._heading(study, parse_method(m)) for m in methods]
        settings["labels"] = {name: self.label(study, name) for name in names if name}
        if settings["kind"] == "networks":
            settings["labels"] = self.network_labels(study)
        if settings["kind"] in CURVES_OF_SETTINGS:
            settings["points"] = [self._point(study, settings["kind"], name) for name in names]
        if settings["kind"] == "sources":
            settings["config"] = self.dataset_settings(settings["dataset"])
        settings["seeds"] = self.config.seeds(study)
        if settings["kind"].startswith("curves") and names[0]:
            training = self.config.experiment(study, names[0])["training"]
            settings["kept_by"] = training.get("keep_best", "iou")
        return settings

    def _point(self, study: str, kind: str, experiment: str) -> dict:
        """Where an experiment lies in a figure of accuracy against a setting."""
        settings = self.config.experiment(study, experiment)
        if kind == "training_sizes":
            share = settings["training"].get("fraction", 1.0)
            return {"series": "", "amount": 100 * share, "unit": "% of the training images"}
        errors = self.config.recipes[settings["recipe"]].get("label_errors")
        if not errors:
            return {"series": "", "amount": 0, "unit": ""}
        shares = errors["kind"] == "drop"
        amount = 100 * errors["amount"] if shares else errors["amount"]
        unit = "% of the objects" if shares else "pixels"
        return {"series": errors["kind"], "amount": amount, "unit": unit}

    def _heading(self, study: str, method: Method) -> str:
        """Name of a method above its images."""
        if method.experiment is not None:
            return self.label(study, method.experiment)
        return self.config.classical[method.method].get("title", method.method)

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
        if settings["kind"] == "norms":
            runs = [run for name in names for run in self.runs(study, name)]
            return {"models": [f"{run_folder(study, *run)}/model.pt" for run in runs]}
        if settings["kind"] == "superpixels":
            return self._superpixel_inputs(study, settings)
        if settings["kind"] == "superpixel_numbers":
            dataset = settings["dataset"]
            return {"measured": f"results/superpixel_numbers/{study}/{figure}/{dataset}.parquet"}
        if settings["kind"] in ("elastic", "weights", "samples", "alignment", "dataset"):
            return {"store": dataset_table(settings["dataset"])}
        if settings["kind"] in ("dilations", "sources"):
            return {}
        if settings["kind"] == "networks":
            return {"measured": [f"results/networks/{study}.parquet"]}
        if settings["kind"] in INVARIANCE:
            return {"measured": [f"results/invariance/{study}/{figure}.parquet"]}
        if settings["kind"] in CURVES_OF_SETTINGS:
            files = [self.metrics(study, name) for name in names]
            return {"measured": [path for seeds in files for path in seeds.values()]}
        if settings["kind"] == "imitation":
            synthetic = dataset_table(settings["synthetic"])
            return {"store": dataset_table(settings["dataset"]), "synthetic": synthetic}
        if settings["kind"] == "compared":
            found = [self._found(study, parse_method(m)) for m in settings["methods"]]
            return {"store": dataset_table(settings["dataset"]), "predictions": found}
        if settings["kind"] in ("iou_shares", "robustness"):
            return {"measured": self._measured(study, figure, settings)}
        return self._prediction_inputs(study, settings)

    def _found(self, study: str, method: Method) -> str:
        """Store of what a method found: of a network, that of the first seed."""
        if method.kind == "classical":
            return f"results/classical/{method.dataset}/{method.method}.parquet"
        dataset = method.dataset or self._dataset(study, method.experiment)
        seed = self.config.seeds(study)[0]
        folder = f"results/predictions/{study}/{method.experiment}/seed{seed}"
        return f"{folder}/{dataset}.parquet"

    def _measured(self, study: str, figure: str, settings: dict) -> list[str]:
        """One file per seed behind a figure of measured values."""
        name = settings["experiment"]
        dataset = settings.get("dataset") or self._dataset(study, name)
        if settings["kind"] == "iou_shares":
            return list(self.metrics(study, f"{name}@{dataset}").values())
        folder = f"results/robustness/{study}/{figure}/{name}"
        return [f"{folder}/seed{seed}/{dataset}.parquet" for seed in settings["seeds"]]

    def _prediction_inputs(self, study: str, settings: dict) -> dict:
        """Files behind a figure of predictions: those of the first seed."""
        experiment, seed = settings["experiment"], settings["seeds"][0]
        dataset = settings.get("dataset") or self._dataset(study, experiment)
        store = {"store": dataset_table(dataset)}
        if settings["kind"] == "stages":
            folder = run_folder(study, experiment, seed)
            return {**store, "model": f"{folder}/model.pt", "snapshots": f"{folder}/snapshots.pt"}
        return {
            **store,
            "prediction": f"results/predictions/{study}/{experiment}/seed{seed}/{dataset}.parquet",
            "metrics": self.metrics(study, f"{experiment}@{dataset}")[seed],
        }

    def _superpixel_inputs(self, study: str, settings: dict) -> dict[str, str]:
        """Predictions and their superpixels behind a figure: those of the first seed."""
        experiment, method = settings["experiment"], settings["method"]
        dataset = settings.get("dataset") or self._dataset(study, experiment)
        run = f"{study}/{experiment}/seed{settings['seeds'][0]}"
        return {
            "predictions": f"results/predictions/{run}/{dataset}.parquet",
            "superpixels": f"results/superpixels/{run}/{method}/{dataset}.parquet",
        }

    def figures(self, study: str) -> list[str]:
        """Figures of a study that the preset has the experiments for."""
        run = set(self.config.experiments(study))
        return [
            f"results/figures/{study}/{name}.svg"
            for name, settings in self.config.studies[study]["figures"].items()
            if settings.get("experiment") in (None, *run)
            and ("experiments" not in settings or run & set(settings["experiments"]))
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


def _only(row: dict, run: set[str]) -> dict:
    """A row of a table with only those of its experiments that are run."""
    row = dict(row)
    experiments = row.pop("experiments", None) or {"": row.pop("experiment")}
    kept = {v: e for v, e in experiments.items() if parse_method(e).experiment in (None, *run)}
    return {**row, "experiments": kept}
