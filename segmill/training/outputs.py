"""The run folder: history, curves, weights, and what they were made with."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from segmill.atomic import remove_leftovers, write_atomically
from segmill.models.bundle import ModelBundle, save_model
from segmill.training.checkpoint import Weights
from segmill.training.progress import Progress, Sums

OF_AN_EPOCH = ("loss", "iou", "lr", "level")


def history_row(
    progress: Progress, phase: str, sums: Sums, names: tuple[str, ...], lr: float, level: int
) -> dict[str, Any]:
    """One row of the history: an epoch's training or validation.

    Parameters
    ----------
    progress : with epoch and step
    phase : ``"train"`` or ``"val"``
    sums : over the steps of the phase
    names : of the outputs of the network
    lr : learning rate of the epoch
    level : highest level of difficulty that the epoch trained on
    """
    foreground, *single = sums.ious
    row = {"epoch": progress.epoch, "step": progress.step, "phase": phase, "loss": sums.mean_loss}
    row["iou"] = foreground
    row |= {f"iou_{name}": iou for name, iou in zip(names, single, strict=True)}
    return row | {"lr": lr, "level": level, "samples": sums.samples, "seconds": sums.seconds}


class RunFolder:
    """Writes the files of one run; every file appears complete or not at all.

    Parameters
    ----------
    path : the folder
    tensorboard : whether to write curves for TensorBoard below ``tensorboard/``
    """

    def __init__(self, path: str | Path, tensorboard: bool):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._writer = None
        self._tensorboard = tensorboard

    def start_curves(self, history: list[dict]) -> None:
        """Begin the curves of TensorBoard anew with the history so far.

        Rewriting them costs nothing and leaves no epoch twice, whatever an interrupted run wrote
        after its last checkpoint.
        """
        folder = self.path / "tensorboard"
        if folder.exists():
            shutil.rmtree(folder)
        if self._tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # slow to import

            self._writer = SummaryWriter(str(folder))
            for row in history:
                self.draw(row)

    def draw(self, row: dict) -> None:
        """Add one row of the history to the curves."""
        if self._writer is None:
            return
        shown = [n for n in row if n in OF_AN_EPOCH or n.startswith("iou_")]
        for name in shown:
            self._writer.add_scalar(f"{name}/{row['phase']}", row[name], row["epoch"])
        self._writer.flush()

    def write_history(self, history: list[dict]) -> None:
        """Write ``history.parquet``."""
        buffer = io.BytesIO()
        pd.DataFrame(history).to_parquet(buffer, index=False)
        write_atomically(self.path / "history.parquet", buffer.getvalue())

    def write_json(self, name: str, content: dict) -> None:
        """Write a JSON file."""
        write_atomically(self.path / name, json.dumps(content, indent=2) + "\n")

    def write_weights(
        self, bundle: ModelBundle, best: tuple[int, Weights], snapshots: dict[int, Weights]
    ) -> None:
        """Write ``model.pt`` (best epoch), ``last.pt`` (as the network is) and ``snapshots.pt``.

        ``snapshots.pt`` is a dict epoch -> state dict, to be read by
        :func:`segmill.models.bundle.read_plain`.
        """
        last = dict(bundle.notes)
        save_model(self.path / "last.pt", bundle)
        bundle.notes = {**last, "epoch": best[0]}
        save_model(self.path / "model.pt", bundle, best[1])
        buffer = io.BytesIO()
        torch.save(snapshots, buffer)
        write_atomically(self.path / "snapshots.pt", buffer.getvalue())
        remove_leftovers(self.path)

    def close(self) -> None:
        """Finish the curves."""
        if self._writer is not None:
            self._writer.close()
