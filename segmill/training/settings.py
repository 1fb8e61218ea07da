"""The settings of a training, section by section, each documented where it is declared."""

from dataclasses import dataclass, field

from segmill.options import option

MONITORS = ("iou", "loss")


@dataclass(frozen=True)
class Choice:
    """Something built by name: a network, a loss, an optimizer."""

    name: str
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class WeightMap:
    """Weights per pixel for the losses that need them; see :func:`segmill.weights.weight_map`.

    w0 : weight where two cells meet; 0 leaves the class weights alone
    sigma : of its decay, in pixels
    class_weights : ``"balanced"``: inverse class frequencies; ``"none"``: 1 for every class
    """

    w0: float = option(10.0, low=0.0)
    sigma: float = option(5.0, low=1e-3)
    class_weights: str = option("balanced", choices=("balanced", "none"))


@dataclass(frozen=True)
class NotionBalance:
    """Weights of notions from the data; see
    :func:`segmill.training.notion_weights.balanced_weights`.

    weights_limit : largest ratio of a notion's weight to that of the median notion
    """

    weights_limit: float = option(10.0, low=1.0)


@dataclass(frozen=True)
class EarlyStop:
    """Stop when the validation gets no better.

    monitor : ``"iou"`` (higher is better) or ``"loss"`` (lower)
    patience : epochs in a row that are not strictly better than the best before the training stops;
        they are counted anew when a curriculum unlocks its levels
    """

    monitor: str = option("iou", choices=MONITORS)
    patience: int = option(10, low=1)


@dataclass(frozen=True)
class Curriculum:
    """Samples of level 0 alone until the validation IoU is good enough; from then on, for ever:

    threshold : validation IoU that unlocks the levels above 0, from the next epoch on
    mode : ``"replace"``: samples of the levels above 0 alone; ``"join"``: of all levels
    """

    threshold: float = option(0.7, low=0.0, high=1.0)
    mode: str = option("join", choices=("replace", "join"))


@dataclass(frozen=True)
class Settings:
    """What of a training is a plain value.

    batch_size : samples of one step of the optimizer, over all processes and pieces
    accumulate : pieces in which a batch passes through the network one after the other, their
        gradients added: less memory, the same step (batch normalisation sees single pieces)
    epochs : at most so many
    steps_per_epoch : steps of the optimizer; ``"all"``: as many as show every sample once
    validation_steps : batches of the validation, the same samples each time; ``"all"``: every one
    fraction : share of the groups of the training shards that is used, drawn by the seed, each
        share being part of the larger ones; the validation stays whole
    keep_best : which validation value says which epoch's weights are kept: ``"iou"`` or ``"loss"``
    clip_norm : largest norm of the gradient of all weights; null: not limited
    snapshots : epochs whose weights are kept beside the best and the last
    seed : of every random draw: weights, order, dropout
    threads : of the CPU arithmetic. Another number gives other last bits (sums in another order),
        so it is a setting and never taken from the machine
    deterministic : on a GPU, whether only deterministic kernels may be used; on a CPU always
    device : ``"auto"`` (a GPU where there is one), ``"cpu"`` or ``"cuda"``
    pretrained : a model.pt whose weights the training starts from; null: from random ones
    readers : threads that read and prepare batches ahead
    read_ahead : batches that are ready or under way before they are needed
    checkpoint_minutes : a killed training loses no more than this; 0: a checkpoint after each step
    tensorboard : whether curves are written for TensorBoard too
    timeout_minutes : of processes that train together: how long one waits for the others
    """

    batch_size: int = option(4, low=1)
    accumulate: int = option(1, low=1)
    epochs: int = option(100, low=1)
    steps_per_epoch: int | None = option(None, low=1)
    validation_steps: int | None = option(None, low=1)
    fraction: float = option(1.0, low=1e-6, high=1.0)
    keep_best: str = option("iou", choices=MONITORS)
    clip_norm: float | None = option(None, low=1e-12)
    snapshots: tuple[int, ...] = option((), low=1)
    seed: int = option(0, low=0)
    threads: int = option(1, low=1)
    deterministic: bool = option(False)
    device: str = option("auto", choices=("auto", "cpu", "cuda"))
    pretrained: str | None = option(None)
    readers: int = option(2, low=1)
    read_ahead: int = option(4, low=1)
    checkpoint_minutes: float = option(2.0, low=0.0)
    tensorboard: bool = option(True)
    timeout_minutes: float = option(10.0, low=0.05)

    def conflicts(self) -> list[str]:
        """A batch cannot be cut finer than into single samples."""
        if self.accumulate > self.batch_size:
            return [f"accumulate: expected at most batch_size {self.batch_size}"]
        return []


# Settings that change no bit of the result.
FREE = ("readers", "read_ahead", "checkpoint_minutes", "tensorboard", "timeout_minutes")
