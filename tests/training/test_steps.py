import numpy as np
import pytest
import torch

from segmill import losses, models
from segmill.errors import TrainingError
from segmill.training.data import Batch
from segmill.training.distributed import Processes
from segmill.training.precision import Precision
from segmill.training.steps import Stepper, piece_slices


def batch(n: int) -> Batch:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.normal(size=(n, 1, 8, 8)).astype(np.float32))
    semantic = torch.from_numpy(rng.integers(0, 3, (n, 8, 8)))
    return Batch(image, {"semantic": semantic}, [f"s{i}" for i in range(n)])


def stepper(**changes) -> Stepper:
    torch.manual_seed(0)
    model = models.build("unet_compressed", 1, 3, widths=[4, 4], norm="group")
    parts = {
        "model": model,
        "wrapped": model,
        "loss": losses.build("cross_entropy"),
        "task": "semantic",
        "optimizer": torch.optim.SGD(model.parameters(), lr=1.0),
        "scaler": Precision().scaler("cpu"),
        "precision": Precision(),
        "device": torch.device("cpu"),
        "processes": Processes(),
    }
    return Stepper(**{**parts, **changes})


def weights(of: Stepper) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in of.model.parameters()])


@pytest.mark.parametrize("pieces", [2, 3, 5])
def test_pieces_make_the_step_of_the_whole_batch(pieces):
    whole, cut = stepper(), stepper(pieces=pieces)
    expected, found = whole.train(batch(5), 5), cut.train(batch(5), 5)
    torch.testing.assert_close(weights(cut), weights(whole))
    torch.testing.assert_close(found.loss, expected.loss)
    torch.testing.assert_close(found.norm, expected.norm)
    assert torch.equal(found.counts, expected.counts)


def test_a_limited_gradient_has_that_norm():
    free, limited = stepper(), stepper()
    limited.clip_norm = 0.01
    before = weights(limited)
    norm = free.train(batch(4), 4).norm
    assert torch.equal(limited.train(batch(4), 4).norm, norm)
    assert norm > 0.01
    torch.testing.assert_close((weights(limited) - before).norm(), torch.tensor(0.01))


class SmallMemory(torch.nn.Module):
    """A network on a GPU that holds two samples."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.configuration = model.configuration

    def forward(self, x):
        if len(x) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return self.model(x)


def test_without_memory_the_batch_is_cut_and_the_step_stays_the_same():
    whole, small = stepper(), stepper()
    small.wrapped = SmallMemory(small.model)
    whole.train(batch(6), 6)
    small.train(batch(6), 6)
    assert small.pieces == 4
    torch.testing.assert_close(weights(small), weights(whole))


def test_a_sample_that_does_not_fit_ends_the_training():
    small = stepper()

    class Nothing(SmallMemory):
        def forward(self, x):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    small.wrapped = Nothing(small.model)
    with pytest.raises(TrainingError, match="does not hold 3 samples in 3 pieces"):
        small.train(batch(3), 3)


def test_validation_changes_nothing_and_accepts_an_empty_share():
    one = stepper()
    before = weights(one)
    whole = one.validate(batch(4), 4)
    parts = [one.validate(batch(4).part(s), 4) for s in (slice(0, 1), slice(1, 4), slice(4, 4))]
    assert torch.equal(weights(one), before)
    torch.testing.assert_close(sum(p.loss for p in parts), whole.loss)
    assert torch.equal(sum(p.counts for p in parts), whole.counts)


def test_pieces_are_fair_and_never_empty():
    for samples in range(1, 9):
        for pieces in range(1, 11):
            sizes = [s.stop - s.start for s in piece_slices(samples, pieces)]
            assert sum(sizes) == samples
            assert len(sizes) == min(samples, pieces)
            assert min(sizes) >= 1
            assert max(sizes) - min(sizes) <= 1
