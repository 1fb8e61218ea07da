import numpy as np
import pytest
import torch

from segmill.training.metrics import iou_of, overlap_counts, task_of


def brute_force(predicted, true, valid):
    """Pixels in both and in either, pixel by pixel; masks (R, B, H, W)."""
    rows = []
    for p, t in zip(predicted, true, strict=True):
        both = sum(bool(a and b and v) for a, b, v in zip(p.flat, t.flat, valid.flat, strict=True))
        either = sum(
            bool((a or b) and v) for a, b, v in zip(p.flat, t.flat, valid.flat, strict=True)
        )
        rows.append([both, either])
    return rows


@pytest.mark.parametrize("with_ignore", [False, True])
def test_classes_against_single_pixels(with_ignore):
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(2, 3, 5, 4)).astype(np.float32))
    semantic = rng.integers(0, 3, (2, 5, 4)).astype(np.uint8)
    ignore = rng.random((2, 5, 4)) < 0.3
    truth = {"semantic": torch.from_numpy(semantic)}
    if with_ignore:
        # What an ignored pixel holds must not matter, not even an illegal class.
        semantic[ignore] = 255
        truth["ignore"] = torch.from_numpy(ignore)
    valid = ~ignore if with_ignore else np.ones_like(ignore)
    p = logits.argmax(1).numpy()
    predicted = [p > 0, *(p == k for k in range(3))]
    true = [semantic > 0, *(semantic == k for k in range(3))]
    counts = overlap_counts(logits, truth, "semantic")
    assert counts.dtype == torch.int64
    assert counts.tolist() == brute_force(predicted, true, valid)


@pytest.mark.parametrize("with_ignore", [False, True])
def test_notions_against_single_pixels(with_ignore):
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(2, 4, 5, 3)).astype(np.float32))
    notions = rng.integers(0, 16, (2, 5, 3)).astype(np.int32)
    ignore = rng.random((2, 5, 3)) < 0.3
    truth = {"notions": torch.from_numpy(notions)}
    if with_ignore:
        truth["ignore"] = torch.from_numpy(ignore)
    valid = ~ignore if with_ignore else np.ones_like(ignore)
    predicted = [(logits[:, k] > 0).numpy() for k in range(4)]
    true = [(notions >> k & 1).astype(bool) for k in range(4)]
    rows = brute_force([np.any(predicted, 0), *predicted], [np.any(true, 0), *true], valid)
    assert overlap_counts(logits, truth, "notions").tolist() == rows


def test_values_count_nothing_and_an_empty_union_has_no_iou():
    counts = overlap_counts(torch.zeros(1, 2, 3, 3), {}, "target")
    assert counts.tolist() == [[0, 0]] * 3
    assert np.isnan(iou_of(counts.numpy())).all()
    assert iou_of(np.array([[1, 4], [0, 3]])) == [0.25, 0.0]


def test_the_task_follows_from_what_the_loss_needs():
    assert task_of(("semantic", "weight")) == "semantic"
    assert task_of(("notions",)) == "notions"
    assert task_of(("target",)) == "target"
