"""Lookups of what is measured on networks themselves: cost, invariance, post-processing."""

from segmill.methods import parse_method
from segmill.workflow.paths import dataset_table, run_folder
from segmill.workflow.trainings import TrainingLookup

# Kinds of figures of measured invariance, and their keys that say how it is measured.
INVARIANCE = {
    "translation": ("window", "patch", "distances"),
    "tiling": ("window", "tile", "margins"),
}


class NetworkLookup(TrainingLookup):
    """Networks without their training, and trained ones beside their accuracy."""

    def networks(self, study: str) -> dict[str, dict]:
        """Arguments of `describe_network` of every ``network/STUDY/EXPERIMENT`` in a table.

        All get one channel and two outputs: their own would make figures differ that the networks
        have in common.
        """
        found = {}
        for table in self.config.studies[study]["tables"].values():
            for row in table["rows"]:
                for text in (row.get("experiments") or {"": row.get("experiment")}).values():
                    method = parse_method(text)
                    if method.kind == "network":
                        settings = self.config.experiment(method.study, method.network)
                        model = settings["training"]["model"]
                        options = model.get("options") or {}
                        found[text] = {"name": model["name"], "options": options}
        return found

    def network_labels(self, study: str) -> dict[str, str]:
        """Words of the tables for every ``network/STUDY/EXPERIMENT`` that they show."""
        return {
            row["experiment"]: row["label"]
            for table in self.config.studies[study]["tables"].values()
            for row in table["rows"]
            if "experiment" in row and parse_method(row["experiment"]).kind == "network"
        }

    def invariance(self, study: str, figure: str) -> dict:
        """How the invariance of a figure is measured, and of which experiments."""
        settings = self.config.studies[study]["figures"][figure]
        run = self.config.experiments(study)
        keys = INVARIANCE.get(settings["kind"], ())
        return {
            "kind": settings["kind"],
            "experiments": [name for name in settings["experiments"] if name in run],
            "options": {key: settings[key] for key in keys},
        }

    def invariance_inputs(self, study: str, figure: str) -> dict:
        """Networks of the first seed, and the store whose first test image they are shown."""
        names, seed = self.invariance(study, figure)["experiments"], self.config.seeds(study)[0]
        return {
            "models": [f"{run_folder(study, name, seed)}/model.pt" for name in names],
            "store": dataset_table(self._dataset(study, names[0])),
        }

    def class_choice(self, study: str, experiment: str) -> dict:
        """What is tried on validation images to correct class maps."""
        return self.config.experiment(study, experiment)["prediction"]["choose_classes"]
