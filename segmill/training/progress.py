"""How far a training has come: everything that decides how it goes on, as plain values."""

import math
from dataclasses import asdict, dataclass, field

import numpy as np

from segmill.training.metrics import iou_of


@dataclass
class Sums:
    """Sums over the steps of one phase of one epoch.

    Attributes
    ----------
    loss : sum of losses, each times its number of samples
    samples : number of samples
    counts : flattened (K + 1, 2) pixels, see :func:`segmill.training.metrics.overlap_counts`
    seconds : time spent
    """

    loss: float = 0.0
    samples: int = 0
    counts: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, loss: float, samples: int, counts: list[int]) -> None:
        """Add one step: its mean loss, its samples, its counts."""
        self.loss += loss * samples
        self.samples += samples
        before = self.counts or [0] * len(counts)
        self.counts = [a + b for a, b in zip(before, counts, strict=True)]

    @property
    def mean_loss(self) -> float:
        """Loss per sample."""
        return self.loss / self.samples

    @property
    def ious(self) -> list[float]:
        """IoU of the foreground, then of each output."""
        return iou_of(np.array(self.counts, np.int64).reshape(-1, 2))


@dataclass
class Progress:
    """The state of a training beside weights and optimizer.

    Attributes
    ----------
    epoch : the epoch under way, from 1; the last one once finished
    step : steps of the optimizer done so far
    epoch_step : those of the epoch under way
    unlocked : whether the curriculum has unlocked its levels; once true, always true
    stream_start : step at which the present stream of batches began
    best : monitor -> [value, epoch] of the best validation so far
    waited : epochs in a row that were no better, for stopping early
    schedule : state of the learning rate
    pieces : passes through the network that make up one step
    sums : of the training phase of the epoch under way
    history : rows of the history so far
    finished : why the training ended ("epochs" or "early stop"); empty while it goes on
    """

    epoch: int = 1
    step: int = 0
    epoch_step: int = 0
    unlocked: bool = False
    stream_start: int = 0
    best: dict[str, list] = field(default_factory=dict)
    waited: int = 0
    schedule: dict[str, float] = field(default_factory=dict)
    pieces: int = 1
    sums: Sums = field(default_factory=Sums)
    history: list[dict] = field(default_factory=list)
    finished: str = ""

    def to_dict(self) -> dict:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Progress":
        """From what :meth:`to_dict` gave."""
        return cls(**{**values, "sums": Sums(**values["sums"])})

    def record_best(self, monitor: str, value: float) -> bool:
        """Whether the epoch's validation `value` is strictly the best yet; if so, remember it.

        IoU is better higher, loss lower. NaN is never better, but the first epoch is the best until
        one with a value comes.
        """
        sign = -1.0 if monitor == "loss" else 1.0
        before = self.best.get(monitor)
        if before is not None:
            known = before[0]
            better = not math.isnan(value) and (math.isnan(known) or sign * value > sign * known)
            if not better:
                return False
        self.best[monitor] = [value, self.epoch]
        return True
