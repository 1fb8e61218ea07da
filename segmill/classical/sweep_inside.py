"""A crystal in its drop: where what lies inside the outline is seen in opposite views.

The medium displaces all that lies in it alike (:mod:`segmill.alignment.slab_sums`). One search over
direction, thickness and place along the axis finds what is displaced against the outline in all
views together; around its prediction the place in each pair of views is then measured.
"""

from dataclasses import dataclass

import numpy as np

from segmill.alignment.harmonic import CircleFit, fit_circle
from segmill.alignment.least_squares import FitError
from segmill.alignment.slab_sums import LEAST_PAIRS, SumFit, face_shift, fit_sums, folded
from segmill.alignment.slab_views import check_sums
from segmill.classical.sweep_interior import Interior
from segmill.classical.sweep_views import Agreement, agreement, joint_agreement

# Opposite views may miss half a turn by so much.
MOST_OFF = np.radians(4.0)
NORMALS = np.radians(np.arange(-24, 24.1, 2.0))
THICKNESS_STEP = 0.5
# A medium is about as thick as the outline seen edge-on: where all but a few views are wider.
NARROW, THICKEST = 0.05, 1.15
MOST_REACH = 150
# What is displaced agrees better than at rest by so much, and on both sides of the normal.
LEAST_GAIN, LEAST_SIDE_GAIN = 0.1, 0.05
SIDE = np.radians(15)
# A pair shows the place where its views agree by so much, within so many px of the prediction.
LEAST_AGREEMENT, WINDOWS = 0.15, (5, 5, 4, 4, 4)
MOST_TURN = np.radians(75)
# Errors of a sum that neighbouring views share, px of the window.
SHARED_SIGMA = 0.2
# Shading of the drop, at rest, draws what is seen before it towards it: standard uncertainty of the
# thickness as a share, found on synthetic sweeps.
PULL = 0.03
# A pair counts by how much better it agrees than at rest, at least by so much.
LEAST_CONTRAST = 0.05
# Of the agreeing detail, the share of its largest value that is background.
BACKGROUND = 0.25
POINT_ROWS = 12
# Its centroid is that of a crystal to so much of its standard deviation.
CENTRED = 0.5


@dataclass(frozen=True)
class Inside:
    """What lies inside in M pairs of opposite views of a sweep of N frames, px of the frames.

    Attributes
    ----------
    omega : (M,) radians, of the first view
    first, second : (M,) positions across the axis at `omega` and half a turn on
    weights : (M,) of the pairs
    normal : rough direction of the faces' normal, radians
    shared : size of the errors that views share
    pull : standard uncertainty of the displacements as a share of them
    extent : standard uncertainty of the place, as what is followed is no point
    across : (N,) positions in the frames, NaN where it is not seen
    along : position along the axis, from where the sample enters
    """

    omega: np.ndarray
    first: np.ndarray
    second: np.ndarray
    weights: np.ndarray
    normal: float
    shared: float
    pull: float
    extent: float
    across: np.ndarray
    along: float


@dataclass(frozen=True)
class _Pairs:
    """Frames `one`, `two` (M,), the angle `omega` between the first and the second turned back."""

    one: np.ndarray
    two: np.ndarray
    omega: np.ndarray


def find_inside(
    inside: Interior | None,
    omega: np.ndarray,
    used: np.ndarray,
    width: np.ndarray,
    middle: CircleFit,
    normal: float,
    n: tuple[float, float],
) -> Inside:
    """Track what lies in a medium inside the outline.

    Parameters
    ----------
    inside : detail of the N frames
    omega : (N,) radians
    used : (N,) bool
    width : (N, U) of the outline at the positions along the axis that `inside` begins with, px
    middle : circle of the outline's middle, px
    normal : rough direction of the faces' normal, radians
    n : bounds of the refractive index

    Raises
    ------
    FitError
        with the reason: no opposite views, nothing inside that is displaced (no medium, or nothing
        to be seen in it), or too few views that show it.
    """
    pairs = _opposite(omega, used)
    if inside is None or pairs.one.size < LEAST_PAIRS:
        raise FitError(
            f"inside: {pairs.one.size} pairs of opposite views of a visible loop, expected at "
            f"least {LEAST_PAIRS}"
        )
    narrow = np.quantile(width[used], NARROW, axis=0)
    narrow = narrow[: inside.detail.shape[1] * inside.step]
    thickest = THICKEST * narrow.reshape(-1, inside.step).mean(axis=1) / inside.step
    centre = middle.predict(omega)
    axis_sum = inside.across_window(centre[pairs.one]) + inside.across_window(centre[pairs.two])
    bent = face_shift(np.array([MOST_TURN]), n[0])[0]
    reach = int(min(np.ceil(bent * thickest.max()) + WINDOWS[0] + 1, MOST_REACH))
    found = agreement(inside, pairs.one, pairs.two, axis_sum, reach)
    row, start = _search(found, pairs.omega, thickest, normal, float(np.mean(n)))
    fit, sums, weights = _followed(found, row, pairs.omega, start, normal, n)
    check_sums(pairs.omega, fit, normal)
    _check_sides(found, row, pairs.omega, fit)
    return _placed(inside, pairs, fit, sums, weights, axis_sum, int(found.rows[row]), omega, normal)


def _opposite(omega: np.ndarray, used: np.ndarray) -> _Pairs:
    """Pairs of used frames half a turn apart, each frame with its nearest partner."""
    frames = np.flatnonzero(used)
    off = omega[frames] - omega[frames][:, None] - np.pi
    off = np.mod(off + np.pi, 2 * np.pi) - np.pi
    two = np.abs(off).argmin(axis=1)
    off = off[np.arange(frames.size), two]
    good = np.flatnonzero((np.abs(off) <= MOST_OFF) & (np.arange(frames.size) < two))
    return _Pairs(frames[good], frames[two[good]], omega[frames[good]] + off[good] / 2)


def _search(found: Agreement, omega, thickest, normal: float, n: float) -> tuple[int, np.ndarray]:
    """The row where displaced detail agrees best against detail at rest, and its sums (M,)."""
    limit = thickest[found.rows]
    thickness = np.arange(0, limit.max() + THICKNESS_STEP, THICKNESS_STEP)
    joint = joint_agreement(found, omega, normal + NORMALS, thickness, n)
    gain = joint - joint[:, :1].max(axis=0)
    gain[:, thickness[:, None] > limit] = -1
    b, t, row = np.unravel_index(int(gain.argmax()), gain.shape)
    if gain[b, t, row] < LEAST_GAIN:
        raise FitError(
            "inside: nothing is displaced against the outline: no medium, or nothing seen in it "
            f"(agreement of opposite views better by {gain[b, t, row]:.2f}, expected {LEAST_GAIN})"
        )
    return int(row), thickness[t] * face_shift(omega - normal - NORMALS[b], n)


def _followed(
    found: Agreement, row: int, omega: np.ndarray, predicted: np.ndarray, normal: float, n
) -> tuple[SumFit, np.ndarray, np.ndarray]:
    """The slab's sums, by measuring around the prediction and predicting anew."""
    seen, rest = np.ones(omega.shape, bool), np.zeros(omega.shape)
    for window in WINDOWS:
        sums, height, sharpness = _peaks(found, row, predicted, window)
        contrast = np.maximum(height - found.at(row, rest), LEAST_CONTRAST)
        weights = np.where(seen, height * contrast * sharpness, 0.0)
        fit = fit_sums(omega, sums, weights, 0.0, normal, n, SHARED_SIGMA)
        predicted, rest = fit.predict(omega), np.full(omega.shape, fit.linear[0])
        seen = np.abs(folded(omega - fit.node[0])) < MOST_TURN
    return fit, sums, weights


def _peaks(found: Agreement, row: int, predicted: np.ndarray, window: int):
    """Best agreement within `window` px of the prediction: its sums, height, sharpness, (M,) each.

    NaN where the best lies at the end of the range, or is weak. Sharp is what is strongly curved:
    what agrees besides, as the drop's shading, moves a blurred peak farther.
    """
    size = found.values.shape[2]
    middle = np.round(predicted - found.base).astype(int)
    inner = (middle >= window) & (middle < size - window)
    places = np.where(inner, middle, window)[:, None] + np.arange(-window, window + 1)
    values = found.values[np.arange(len(places))[:, None], row, places].astype(float)
    best = values.argmax(axis=1)
    good = inner & (best > 0) & (best < 2 * window)
    best = np.where(good, best, window)
    pairs = np.arange(len(places))
    before, at, after = (values[pairs, best + k] for k in (-1, 0, 1))
    good &= at > LEAST_AGREEMENT
    # Vertex of the parabola through three values.
    curvature = np.where(good, before - 2 * at + after, -1.0)
    vertex = 0.5 * (before - after) / np.minimum(curvature, -1e-9)
    sums = found.base + places[pairs, best] + vertex
    return np.where(good, sums, np.nan), np.where(good, at, 0.0), -curvature


def _check_sides(found: Agreement, row: int, omega: np.ndarray, fit: SumFit) -> None:
    """Raise FitError where on one side of the normal detail at rest agrees as well.

    There it is the drop's own shading that is followed.
    """
    rest = np.full(omega.shape, fit.linear[0])
    gain = found.at(row, fit.predict(omega)) - found.at(row, rest)
    turned = folded(omega - fit.node[0])
    for side in (turned > SIDE, turned < -SIDE):
        side &= fit.inliers
        if not side.any() or gain[side].mean() < LEAST_SIDE_GAIN:
            raise FitError(
                "inside: on one side of the faces' normal nothing is displaced against the outline"
            )


def _placed(
    inside: Interior, pairs: _Pairs, fit, sums, weights, axis_sum, row, omega, normal
) -> Inside:
    """Positions of the agreeing detail in both views of every pair that the fit rests on."""
    kept = np.flatnonzero(fit.inliers)
    rows = slice(max(0, row - POINT_ROWS), row + POINT_ROWS + 1)
    first, along, spread = (np.empty(kept.size) for _ in range(3))
    total = sums[kept] + axis_sum[kept]
    for i, m in enumerate(kept):
        first[i], along[i], spread[i] = _centroid(
            inside.detail[pairs.one[m], rows], inside.detail[pairs.two[m], rows], total[i]
        )
    second = inside.across_px(total - first)
    first = inside.across_px(first)
    across = np.full(omega.shape, np.nan)
    across[pairs.one[kept]], across[pairs.two[kept]] = first, second
    # Views that miss half a turn: moved along the circle on which the point appears.
    circle = fit_circle(omega, across)
    turned = pairs.omega[kept] - omega[pairs.one[kept]]
    slope = -circle.r * np.sin(pairs.omega[kept] - circle.alpha)
    return Inside(
        omega=pairs.omega[kept],
        first=first + slope * turned,
        second=second + slope * turned,
        weights=weights[kept],
        normal=normal,
        shared=SHARED_SIGMA * inside.step,
        pull=PULL,
        extent=CENTRED * inside.step * float(np.average(spread, weights=weights[kept])),
        across=across,
        along=float(inside.along_px(rows.start + np.average(along, weights=weights[kept]))),
    )


def _centroid(one: np.ndarray, two: np.ndarray, total: float) -> tuple[float, float, float]:
    """What agrees in a view with its mirrored opposite: its centroid across and along (row), and
    its standard deviation across.
    """
    width = one.shape[1]
    columns = np.arange(width)
    place = total - columns
    left = np.clip(np.floor(place).astype(int), 0, width - 2)
    share = (place - left).astype(np.float32)
    inside = (place >= 0) & (place <= width - 1)
    mirrored = np.where(inside, (1 - share) * two[:, left] + share * two[:, left + 1], 0)
    common = np.maximum(one * mirrored, 0)
    common = np.maximum(common - BACKGROUND * common.max(), 0)
    # Views that agree have detail in common.
    across, along = common.sum(axis=0) / common.sum(), common.sum(axis=1) / common.sum()
    centre = float(across @ columns)
    spread = float(np.sqrt(across @ (columns - centre) ** 2))
    return centre, float(along @ np.arange(along.size)), spread
