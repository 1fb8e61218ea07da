"""The losses by their definitions, in numpy float64, one annotated pixel after the other."""

import numpy as np
import torch


def loss_by_definition(name: str, options: dict, prediction: torch.Tensor, truth: dict) -> float:
    """The value of a loss; `prediction` (B, K, H, W), `truth` with every entry."""
    z = prediction.double().numpy()
    arrays = {key: value.numpy() for key, value in truth.items()}
    arrays["pixels"] = [tuple(index) for index in np.argwhere(~arrays["ignore"])]
    return {
        "cross_entropy": cross_entropy,
        "weighted_cross_entropy": weighted_cross_entropy,
        "mse": squared_error,
        "mse_tv": squared_error_and_variation,
        "focal": focal,
        "dice": dice,
        "jaccard": jaccard,
    }[name](z, arrays, **options)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def onehot(z, arrays):
    return np.arange(z.shape[1])[:, None, None] == arrays["semantic"][:, None]


def notions(z, arrays):
    return arrays["notions"][:, None] >> np.arange(z.shape[1])[:, None, None] & 1


def weighted_cross_entropy(z, arrays, weight=None):
    weight = arrays["weight"].astype(np.float64) if weight is None else weight
    total = 0
    for b, y, x in arrays["pixels"]:
        total -= weight[b, y, x] * np.log(softmax(z)[b, arrays["semantic"][b, y, x], y, x])
    return total / len(arrays["pixels"])


def cross_entropy(z, arrays):
    return weighted_cross_entropy(z, arrays, np.ones(arrays["weight"].shape))


def squared_error(z, arrays, truth="target", weights=None):
    value, target = z, arrays["target"]
    if truth == "semantic":
        value, target = softmax(z), onehot(z, arrays)
    errors = [(value[b, :, y, x] - target[b, :, y, x]) ** 2 for b, y, x in arrays["pixels"]]
    return np.average(np.mean(errors, axis=0), weights=weights)


def squared_error_and_variation(z, arrays, alpha):
    variation = 0
    for b, y, x in arrays["pixels"]:
        for neighbour in ((b, y + 1, x), (b, y, x + 1)):
            if neighbour in arrays["pixels"]:
                _, row, column = neighbour
                variation += np.abs(z[b, :, y, x] - z[b, :, row, column]).sum()
    return squared_error(z, arrays) + alpha * variation / z.shape[0] / z.shape[1]


def focal(z, arrays, gamma=2.0, weights=None, click=False, click_weight=1.0):
    if click:
        of_notions = focal(z[:, :-1], arrays, gamma, weights)
        count = z.shape[1] - 1
        total = count * of_notions + click_weight * quality(z[:, -1], arrays, gamma)
        return total / (count + click_weight)
    given = np.where(notions(z, arrays), 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z)))
    cost = -((1 - given) ** gamma) * np.log(given)
    of_notions = np.mean([cost[b, :, y, x] for b, y, x in arrays["pixels"]], axis=0)
    return np.average(of_notions, weights=weights)


def quality(z, arrays, gamma):
    """Equation 4 of Li et al. 2020, over annotated pixels."""
    costs = []
    for b, y, x in arrays["pixels"]:
        heat, score = arrays["target"][b, 0, y, x].astype(np.float64), 1 / (1 + np.exp(-z[b, y, x]))
        if not np.isnan(heat):
            entropy = (1 - heat) * np.log(1 - score) + heat * np.log(score)
            costs.append(-(np.abs(heat - score) ** gamma) * entropy)
    return np.mean(costs) if costs else 0.0


def dice(z, arrays, smooth=1.0, **options):
    return 1 - np.mean(
        [(2 * both + smooth) / (p + t + smooth) for both, p, t in _sums(z, arrays, **options)]
    )


def jaccard(z, arrays, smooth=1.0, **options):
    return 1 - np.mean(
        [(both + smooth) / (p + t - both + smooth) for both, p, t in _sums(z, arrays, **options)]
    )


def _sums(z, arrays, activation="softmax", background=True, per_image=False):
    """(in both, predicted, true) of each class and group of images."""
    if activation == "sigmoid":
        share, mask = 1 / (1 + np.exp(-z)), notions(z, arrays)
    else:
        share, mask = softmax(z), onehot(z, arrays)
    images = range(len(z))
    for group in [[b] for b in images] if per_image else [list(images)]:
        for k in range(0 if background else 1, z.shape[1]):
            chosen = [(b, k, y, x) for b, y, x in arrays["pixels"] if b in group]
            p = np.array([share[index] for index in chosen])
            t = np.array([float(mask[index]) for index in chosen])
            yield (p * t).sum(), p.sum(), t.sum()
