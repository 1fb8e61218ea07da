"""The linear parameters of the slab model, eliminated; compiled, for searches repeat it often.

Modified Gram-Schmidt of the weighted design. The positions, and then both slopes of the model, go
along as further columns: so they lose their part in the span of the design as exactly as by
Householder's reflections.

References
----------
Bjorck, "Solving linear least squares problems by Gram-Schmidt orthogonalization", BIT 7, 1967.
"""

import numba
import numpy as np

# c, a, b, front, back
LINEAR = 5
Y, BY_BETA, BY_N = LINEAR, LINEAR + 1, LINEAR + 2
MIN_FRAMES_PER_FACE = 2
LEAST_DIAGONAL = 1e-7
# Sums may be added in any order: four at a time.
compiled = numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})


@compiled
def eliminate(circle, y, root, beta, n, linear, squares, inverse, slopes, residuals):
    """Solve for the linear parameters at each pair of `beta` and `n`, (M,), into the last five.

    Parameters
    ----------
    circle : (2, N) cosine and sine of omega
    y, root : (N,) weighted positions, square roots of the weights
    linear, squares, inverse, slopes, residuals : as in :class:`.slab_search.Projected`; left as
        they are but for `residuals` and `slopes` where a face is seen in less than 2 frames or the
        design is singular
    """
    columns = np.empty((LINEAR + 3, y.size))
    r = np.zeros((LINEAR, LINEAR + 1))
    for m in range(beta.size):
        cosine, sine = np.cos(beta[m]), np.sin(beta[m])
        faces = _fill(columns, circle, y, root, cosine, sine, n[m])
        _triangular(columns, r)
        largest = least = r[0, 0]
        for i in range(1, LINEAR):
            largest, least = max(largest, r[i, i]), min(least, r[i, i])
        if min(faces, y.size - faces) >= MIN_FRAMES_PER_FACE and least > LEAST_DIAGONAL * largest:
            _invert(r, inverse[m])
            for i in range(LINEAR):
                for j in range(i, LINEAR):
                    linear[m, i] += inverse[m, i, j] * r[j, Y]
            squares[m] = _dot(columns[Y], columns[Y])
        residuals[m] = columns[Y]
        _fill_slopes(columns, circle, root, cosine, sine, n[m], linear[m, 3], linear[m, 4])
        for i in range(LINEAR):
            _remove(columns[i], columns[BY_BETA])
            _remove(columns[i], columns[BY_N])
        slopes[m, :, 0], slopes[m, :, 1] = columns[BY_BETA], columns[BY_N]


@compiled
def _fill(columns, circle, y, root, cosine, sine, n):
    """The weighted design and positions; the number of frames that see the front.

    The formulas are those of :func:`.slab_model.slab_columns`.
    """
    faces = 0
    for k in range(y.size):
        # Of t = omega - beta.
        s = circle[1, k] * cosine - circle[0, k] * sine
        c = circle[0, k] * cosine + circle[1, k] * sine
        refracted = c * (s / np.sqrt(n * n - s * s))
        columns[0, k] = root[k]
        columns[1, k], columns[2, k] = root[k] * circle[0, k], root[k] * circle[1, k]
        front = c > 0
        faces += front
        columns[3, k] = root[k] * (s - refracted) if front else 0.0
        columns[4, k] = 0.0 if front else root[k] * (-s - refracted)
        columns[Y, k] = y[k]
    return faces


@compiled
def _fill_slopes(columns, circle, root, cosine, sine, n, front, back):
    """Weighted derivatives of the model by beta and by n."""
    for k in range(root.size):
        s = circle[1, k] * cosine - circle[0, k] * sine
        c = circle[0, k] * cosine + circle[1, k] * sine
        sign, depth = (1.0, front) if c > 0 else (-1.0, back)
        square = n * n - s * s
        cube = square * np.sqrt(square)
        by_t = sign * c + s * s / np.sqrt(square) - c * c * n * n / cube
        columns[BY_BETA, k] = -by_t * depth * root[k]
        columns[BY_N, k] = c * n * s / cube * depth * root[k]


@compiled
def _triangular(columns, r):
    """Make the design orthonormal, in place, and the positions orthogonal to it; R beside it."""
    for i in range(LINEAR):
        size = np.sqrt(_dot(columns[i], columns[i]))
        r[i, i] = size
        if size > 0:
            columns[i] /= size
        for j in range(i + 1, Y + 1):
            r[i, j] = _remove(columns[i], columns[j])


@compiled
def _remove(unit, column):
    """Take the part along a unit vector from a column; its length."""
    length = _dot(unit, column)
    for k in range(column.size):
        column[k] -= length * unit[k]
    return length


@compiled
def _dot(a, b):
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@compiled
def _invert(r, inverse):
    """Inverse of the upper triangular R."""
    for j in range(LINEAR):
        for i in range(j, -1, -1):
            total = 1.0 if i == j else 0.0
            for k in range(i + 1, j + 1):
                total -= r[i, k] * inverse[k, j]
            inverse[i, j] = total / r[i, i]
