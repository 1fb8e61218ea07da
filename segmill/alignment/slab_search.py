"""Least squares of the slab model: all minima over beta, and how likely each of them is.

Given beta and n the model is linear in c, a, b, front, back: those are eliminated (variable
projection). What is left is smooth in beta between the angles at which some frame is seen edge-on;
there it jumps. Every such cell is searched on its own.
"""

from dataclasses import dataclass, fields

import numpy as np

from segmill.alignment.slab_kernel import LINEAR, eliminate

START_SPACING = np.radians(6.0)
NEWTON_STEPS = 6
N_NODES = 5
# Minima whose likelihood is smaller than the best one's by e^-15 are no rivals.
LEAST_LOG_LIKELIHOOD = 15.0


@dataclass(frozen=True)
class Track:
    """Weighted positions: `root` (N,) is the square root of the weights, 0 = left out."""

    omega: np.ndarray
    y: np.ndarray
    root: np.ndarray

    @property
    def count(self) -> int:
        """Number of positions that count."""
        return int(np.count_nonzero(self.root))


@dataclass(frozen=True)
class Projected:
    """Least-squares solutions at M pairs (beta, n).

    `linear` (M, 5) c, a, b, front, back; `squares` (M,) weighted sum of squared residuals, infinite
    where a face has too few frames; `inverse` (M, 5, 5) inverse of R in the QR decomposition of
    the design; `slopes` (M, N, 2) derivatives of the model by beta and n, without their part in
    the span of the design; `residuals` (M, N), weighted.
    """

    linear: np.ndarray
    squares: np.ndarray
    inverse: np.ndarray
    slopes: np.ndarray
    residuals: np.ndarray

    def of(self, keep: np.ndarray) -> "Projected":
        """The solutions at some of the pairs."""
        return Projected(*(getattr(self, f.name)[keep] for f in fields(self)))


def project(track: Track, beta: np.ndarray, n: np.ndarray) -> Projected:
    """Eliminate the linear parameters at each pair of `beta` and `n`, both (M,)."""
    used = track.root > 0
    omega, root, count = track.omega[used], track.root[used], beta.size
    found = Projected(
        linear=np.zeros((count, LINEAR)),
        squares=np.full(count, np.inf),
        inverse=np.tile(np.eye(LINEAR), (count, 1, 1)),
        residuals=np.empty((count, root.size)),
        slopes=np.empty((count, root.size, 2)),
    )
    eliminate(
        np.stack([np.cos(omega), np.sin(omega)]),
        track.y[used] * root,
        root,
        beta.astype(np.float64),
        n.astype(np.float64),
        found.linear,
        found.squares,
        found.inverse,
        found.slopes,
        found.residuals,
    )
    return found


def cells(omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends (K,), (K,) of the ranges of beta in [0, pi) in which no frame changes its face."""
    edges = np.sort(np.mod(omega + np.pi / 2, np.pi))
    edges = edges[np.concatenate([[True], np.diff(edges) > 1e-7])]
    size = np.diff(edges, append=edges[0] + np.pi)
    pieces = np.ceil(size / START_SPACING).astype(int)
    place = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start, piece = np.repeat(edges, pieces), np.repeat(size / pieces, pieces)
    margin = 1e-9
    return start + place * piece + margin, start + (place + 1) * piece - margin


def descend(
    track: Track,
    beta: np.ndarray,
    n: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    steps: int = NEWTON_STEPS,
) -> tuple[np.ndarray, Projected]:
    """Best beta (M,) of each cell at its n, by Gauss-Newton steps that never make it worse."""
    best = project(track, beta, n)
    for _ in range(steps):
        slope = best.slopes[..., 0]
        curvature = np.sum(slope**2, axis=1)
        step = np.divide(
            np.sum(slope * best.residuals, axis=1),
            curvature,
            out=np.zeros_like(curvature),
            where=curvature > 0,
        )
        tried = np.clip(beta + step, low, high)
        new = project(track, tried, n)
        better = new.squares < best.squares
        beta = np.where(better, tried, beta)
        best = chosen(best, new, better)
        if not (better & (np.abs(step) > 1e-10)).any():
            break
    return beta, best


def chosen(old: Projected, new: Projected, better: np.ndarray) -> Projected:
    """Per pair, the new solution where `better` (M,) bool, else the old one."""
    picked = []
    for f in fields(Projected):
        one, other = getattr(new, f.name), getattr(old, f.name)
        picked.append(np.where(better.reshape(-1, *[1] * (one.ndim - 1)), one, other))
    return Projected(*picked)


def descended(track: Track, n: float, steps: int = NEWTON_STEPS) -> tuple[np.ndarray, Projected]:
    """Best beta (K,) of every cell at one n, and the solutions there, by at most so many steps."""
    low, high = cells(track.omega[track.root > 0])
    return descend(track, (low + high) / 2, np.full(low.shape, n), low, high, steps)


@dataclass(frozen=True)
class Minima:
    """The likely minima: `beta`, `n`, `low`, `high` (M,), and their solutions."""

    beta: np.ndarray
    n: np.ndarray
    low: np.ndarray
    high: np.ndarray
    solved: Projected


def search(track: Track, n_range: tuple[float, float]) -> Minima:
    """All minima over beta that rival the best one, at each node of n.

    Nodes of n are those of Gauss and Legendre in the range, so that their weights integrate it.
    """
    low, high = cells(track.omega[track.root > 0])
    middle = np.full(low.shape, np.mean(n_range))
    beta, found = descended(track, middle[0])
    # A range of n of 0.04 changes the likelihood little: rivals at its middle are rivals.
    rivals = log_likelihood(found.squares, track.count)
    keep = rivals > rivals.max() - 2 * LEAST_LOG_LIKELIHOOD
    nodes = n_nodes(n_range)[0]
    if nodes.size == 1:
        return Minima(beta[keep], middle[keep], low[keep], high[keep], found.of(keep))
    repeat = [np.tile(part[keep], nodes.size) for part in (beta, low, high)]
    n = np.repeat(nodes, np.count_nonzero(keep))
    beta, found = descend(track, repeat[0], n, repeat[1], repeat[2])
    return Minima(beta, n, repeat[1], repeat[2], found)


def n_nodes(n_range: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (summing to 1) of n; one node where it is fixed."""
    low, high = n_range
    if low == high:
        return np.array([low]), np.ones(1)
    places, weights = np.polynomial.legendre.leggauss(N_NODES)
    return (low + high) / 2 + places * (high - low) / 2, weights / 2


def log_likelihood(squares: np.ndarray, count: int) -> np.ndarray:
    """Logarithm of the likelihood with the noise and linear parameters integrated out."""
    # Noise-free data would divide by zero.
    return -(count - LINEAR) / 2 * np.log(np.maximum(squares, 1e-300))
