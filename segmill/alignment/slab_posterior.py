"""How far the true slab may be from the fitted one, over all likely minima."""

import math

import numpy as np

from segmill.alignment.slab_search import (
    LINEAR,
    Minima,
    Track,
    log_likelihood,
    n_nodes,
    project,
)

# Minima whose likelihood is smaller than the best one's by e^-15 are no rivals.
LEAST_LOG_LIKELIHOOD = 15.0
POSTERIOR_NODES = 13


def posterior_covariance(
    track: Track, minima: Minima, n_range: tuple[float, float], best: np.ndarray, variance: float
) -> np.ndarray:
    """(7, 7) mean squared deviation of the true values from the fitted ones.

    Sums over nodes in beta around every likely minimum, at every node of n: the covariance of the
    linear parameters there plus the square of the node's distance from the fitted values.
    """
    log = log_likelihood(minima.solved.squares, track.count)
    keep = np.flatnonzero(log > log.max() - LEAST_LOG_LIKELIHOOD)
    curvature = np.sum(minima.solved.slopes[keep, :, 0] ** 2, axis=1)
    spread = np.sqrt(variance / np.maximum(curvature, 1e-300))
    low = np.maximum(minima.low[keep], minima.beta[keep] - 5 * spread)
    high = np.minimum(minima.high[keep], minima.beta[keep] + 5 * spread)
    places = (np.arange(POSTERIOR_NODES) + 0.5) / POSTERIOR_NODES
    beta = (low[:, None] + places * (high - low)[:, None]).ravel()
    n = np.repeat(minima.n[keep], POSTERIOR_NODES)
    # Without noise a minimum has no width.
    width = np.repeat(np.maximum(high - low, 1e-12), POSTERIOR_NODES)
    nodes, node_weights = n_nodes(n_range)
    prior = node_weights[np.argmin(np.abs(n[:, None] - nodes), axis=1)]
    solved = project(track, beta, n)
    volume = np.abs(np.linalg.det(solved.inverse))
    log = log_likelihood(solved.squares, track.count)
    share = np.exp(log - log.max()) * volume * width * prior
    share /= share.sum()
    away = _deviations(solved.linear, beta, n, best)
    covariance = np.einsum("m,mi,mj->ij", share, away, away)
    linear = np.einsum("m,mij,mkj->ik", share, solved.inverse, solved.inverse)
    covariance[:LINEAR, :LINEAR] += variance * linear
    return covariance


def _deviations(linear, beta, n, best) -> np.ndarray:
    """(M, 7) nodes minus fitted values, each slab written with the nearer of its two normals."""
    turn = beta - best[5]
    halves = np.round(turn / math.pi)
    swapped = halves % 2 == 1
    depths = np.where(swapped[:, None], linear[:, :2:-1], linear[:, 3:])
    values = np.column_stack([linear[:, :3], depths, beta - halves * math.pi, n])
    return values - best


def rivals(track: Track, minima: Minima) -> int:
    """Number of minima over beta that are nearly as likely as the best one."""
    log = log_likelihood(minima.solved.squares, track.count)
    near = log > log.max() - 3
    return int(np.unique(np.round(minima.low[near], 9)).size)
