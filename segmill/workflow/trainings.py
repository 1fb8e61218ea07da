"""Lookups of trainings and of what is done with trained networks."""

import re
from pathlib import Path

from segmill.errors import ConfigError
from segmill.workflow.code import network_code
from segmill.workflow.paths import dataset_table, run_folder, shards_table
from segmill.workflow.stores import StoreLookup

# Keys of a prediction that say what is tried on validation images.
CHOICES = ("choose", "choose_classes")


class TrainingLookup(StoreLookup):
    """Trainings, predictions and new images, by the wildcards of a rule."""

    def prediction_producer(
        self, study: str, experiment: str, seed: str, dataset: str, split: str = "test"
    ) -> dict:
        """Description of the prediction of one trained network on a split of a dataset."""
        choice = self.choice_inputs(study, experiment, seed) if split == "test" else []
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
        return {key: value for key, value in settings.items() if key not in CHOICES}

    def choice(self, study: str, experiment: str) -> dict | None:
        """What is tried on validation images to make objects of scores, if anything."""
        return (self.config.experiment(study, experiment).get("prediction") or {}).get("choose")

    def choice_inputs(self, study: str, experiment: str, seed: str) -> list[str]:
        """File of the options that were chosen on validation images, if any were to be chosen.

        The images are of the dataset that the network was trained on, whatever it is applied to.
        """
        if not self.choice(study, experiment):
            return []
        dataset = self.config.experiment(study, experiment)["dataset"]
        return [f"results/predictions/{study}/{experiment}/seed{seed}/{dataset}.choice.json"]

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

    def new_images_model(self) -> str:
        """Network that the target `predict` applies."""
        return f"results/runs/{self.config.predict.get('model', 'none')}/model.pt"

    def new_images_options(self) -> dict:
        """How it is applied: as where it was evaluated."""
        study, experiment, _ = self._new_images_training()
        return self.prediction(study, experiment)

    def new_images_choice(self) -> list[str]:
        """File of the options that were chosen on validation images for it, if any were."""
        study, experiment, seed = self._new_images_training()
        return self.choice_inputs(study, experiment, seed)

    def _new_images_training(self) -> tuple[str, str, str]:
        """Study, experiment and seed of the network that the target `predict` applies."""
        model = self.config.predict.get("model", "none")
        found = re.fullmatch(r"([^/]+)/([^/]+)/seed(\d+)", model)
        if not found:
            raise ConfigError(
                "config/config.yaml: predict.model: expected STUDY/EXPERIMENT/seedN of a training, "
                f"found {model!r}"
            )
        return found.groups()

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
