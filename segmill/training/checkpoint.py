"""Checkpoints: written atomically, read safely, refused where they belong to another training."""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segmill.atomic import remove_leftovers, write_atomically
from segmill.models.bundle import read_plain
from segmill.progress import log

FORMAT = 1
Weights = dict[str, Tensor]


@dataclass
class Checkpoints:
    """The checkpoint of one training, and the weights of the epochs that it keeps.

    ``checkpoint.pt`` holds the whole state. Weights of the best epoch and of snapshots lie beside
    it as ``epoch000012.pt``, written once and before the first checkpoint that counts on them, so
    that whenever the job dies, what the checkpoint names is there.

    Attributes
    ----------
    folder : where they lie; it may hold those of an earlier training
    identity : nested plain values that say which training this is
    minutes : least time between two checkpoints
    kept : epoch -> its weights, on the CPU
    """

    folder: Path
    identity: dict
    minutes: float = 0.0
    kept: dict[int, Weights] = field(default_factory=dict)

    def __post_init__(self):
        self.folder = Path(self.folder)
        self._last = time.monotonic()
        self._written: set[int] = set()

    @property
    def path(self) -> Path:
        """The file of the checkpoint."""
        return self.folder / "checkpoint.pt"

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough."""
        return time.monotonic() - self._last >= 60 * self.minutes

    def keep(self, epoch: int, model: torch.nn.Module) -> None:
        """Remember the weights that a network has now as those of an epoch."""
        state = model.state_dict()
        self.kept[epoch] = {name: t.detach().cpu().clone() for name, t in state.items()}
        self._written.discard(epoch)

    def retain(self, epochs: set[int]) -> None:
        """Forget the weights of all other epochs."""
        self.kept = {epoch: weights for epoch, weights in self.kept.items() if epoch in epochs}

    def save(self, state: dict[str, Any]) -> None:
        """Write the state of a training: tensors and plain values."""
        for epoch in self.kept.keys() - self._written:
            self._write(self._weights_path(epoch), self.kept[epoch])
        content = {"format": FORMAT, "identity": self.identity, "kept": sorted(self.kept), **state}
        self._write(self.path, content)
        wanted = {self._weights_path(epoch) for epoch in self.kept}
        for stale in set(self.folder.glob("epoch*.pt")) - wanted:
            stale.unlink()
        remove_leftovers(self.folder)
        self._written = set(self.kept)
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state of this very training, or None where there is none to go on from.

        A checkpoint of another training is not used: the differences are logged, and the first
        :meth:`save` replaces it.

        Raises
        ------
        IntegrityError
            When a file is damaged or one that the checkpoint names is absent.
        """
        if not self.path.exists():
            return None
        content = read_plain(self.path, "a checkpoint of a training")
        found = content.get("identity", {}) if content.get("format") == FORMAT else {}
        different = list(differences(found, self.identity))
        if different:
            lines = "".join(f"\n  {line}" for line in different)
            log.warning("%s is of another training, starting from scratch:%s", self.path, lines)
            return None
        for epoch in content["kept"]:
            self.kept[epoch] = read_plain(self._weights_path(epoch), "weights of an epoch")
        self._written = set(self.kept)
        return content

    def _weights_path(self, epoch: int) -> Path:
        return self.folder / f"epoch{epoch:06d}.pt"

    @staticmethod
    def _write(path: Path, content: dict) -> None:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        write_atomically(path, buffer.getvalue())


def differences(found: Any, wanted: Any, where: str = "") -> Iterator[str]:
    """Lines naming each key whose value in a checkpoint is not the one of this training."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys(), key=str):
            inner = f"{where}.{key}" if where else str(key)
            yield from differences(found.get(key), wanted.get(key), inner)
    elif found != wanted:
        yield f"{where}: {found!r} in the checkpoint, {wanted!r} now"
