"""One step of the optimizer and one batch of the validation."""

import itertools
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segmill.errors import TrainingError
from segmill.losses import Loss
from segmill.progress import log
from segmill.training.data import Batch
from segmill.training.distributed import Processes
from segmill.training.metrics import overlap_counts
from segmill.training.precision import Precision


@dataclass
class StepResult:
    """What a step leaves behind, on its device.

    Attributes
    ----------
    loss : () mean loss of the samples of this process times their share of the whole batch
    norm : () norm of the gradient of all weights before it was limited; None in the validation
    counts : (K + 1, 2) int64, see :func:`segmill.training.metrics.overlap_counts`
    """

    loss: Tensor
    norm: Tensor | None
    counts: Tensor


@dataclass
class Stepper:
    """Everything that takes part in a step.

    Attributes
    ----------
    model : the network itself, for the validation
    wrapped : the network as the training calls it, which may average gradients over processes
    pieces : passes through the network that make up one step; doubled when memory runs out
    clip_norm : largest norm of the gradient, None: not limited
    """

    model: nn.Module
    wrapped: nn.Module
    loss: Loss
    task: str
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    precision: Precision
    device: torch.device
    processes: Processes
    pieces: int = 1
    clip_norm: float | None = None

    def train(self, batch: Batch, total: int) -> StepResult:
        """One step of the optimizer on this process's share of a batch of `total` samples.

        When the memory of a GPU runs out, the share is cut into twice as many pieces and the step
        repeated, so that the optimizer still sees the same batch.

        Raises
        ------
        TrainingError
            When single samples do not fit either, or when several processes train together, which
            cannot repeat a step of one of them.
        """
        self.wrapped.train()
        while True:
            try:
                return self._train(batch, total)
            except torch.cuda.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            # Outside of the handler, which still holds the tensors of the failed attempt.
            self._use_more_pieces(len(batch), reason)

    def _train(self, batch: Batch, total: int) -> StepResult:
        self.optimizer.zero_grad(set_to_none=True)
        results = []
        places = piece_slices(len(batch), self.pieces)
        for k, place in enumerate(places):
            last = k == len(places) - 1
            quiet = nullcontext() if last or self.processes.count == 1 else self.wrapped.no_sync()
            with quiet:
                loss, counts = self._forward(self.wrapped, batch.part(place))
                share = (place.stop - place.start) / total
                # Gradients are averaged over processes: their number turns that into the sum.
                self.scaler.scale(loss * (share * self.processes.count)).backward()
            results.append((loss.detach() * share, counts))
        self.scaler.unscale_(self.optimizer)
        norm = self._limit_gradient()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        losses, counts = zip(*results, strict=True)
        return StepResult(torch.stack(losses).sum(), norm, torch.stack(counts).sum(0))

    @torch.no_grad()
    def validate(self, batch: Batch, total: int) -> StepResult:
        """Loss and overlap of this process's share of a validation batch of `total` samples.

        The share may be empty: the last batch can have fewer samples than there are processes.
        """
        self.model.eval()
        if not len(batch):
            rows = self.model.configuration["out_channels"] + 1
            return StepResult(torch.zeros(()), None, torch.zeros(rows, 2, dtype=torch.int64))
        places = piece_slices(len(batch), self.pieces)
        results = [(place, *self._forward(self.model, batch.part(place))) for place in places]
        losses = [loss * ((place.stop - place.start) / total) for place, loss, _ in results]
        counts = torch.stack([counts for *_, counts in results]).sum(0)
        return StepResult(torch.stack(losses).sum(), None, counts)

    def _forward(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        batch = batch.to(self.device, self.precision)
        with self.precision.autocast(self.device):
            prediction = model(batch.image)
        loss = self.loss(prediction, batch.truth)
        return loss, overlap_counts(prediction.detach(), batch.truth, self.task)

    def _limit_gradient(self) -> Tensor:
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        if self.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.clip_norm, norm)
        return norm

    def _use_more_pieces(self, samples: int, reason: str) -> None:
        if self.processes.count > 1 or self.pieces >= samples:
            raise TrainingError(
                f"the GPU's memory does not hold {samples} samples in {self.pieces} pieces: "
                f"raise accumulate, lower batch_size or the size of the crops ({reason})"
            )
        self.optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        self.pieces = min(2 * self.pieces, samples)
        log.warning(
            "out of memory: a batch of %d samples goes on in %d pieces, the step of the optimizer "
            "staying the same (batch normalisation sees single pieces)",
            samples,
            self.pieces,
        )


def piece_slices(samples: int, pieces: int) -> list[slice]:
    """Contiguous, fair parts of `samples`, none empty.

    >>> piece_slices(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    pieces = min(pieces, samples)
    edges = [k * samples // pieces for k in range(pieces + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
