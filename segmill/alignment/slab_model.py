"""Refraction by a plane slab: how far the image of a point inside it is moved.

A point at `front` below one face of a slab and `back` above the other is seen through the face
that looks at the camera. With t = omega - beta the angle between that face's normal and the line of
sight, refraction moves the image across the axis by

    shift(t) = -depth sin(s t - i) / cos(i),  i = arcsin(sin(t) / n),

s = 1 and depth = front where abs(t) < 90 degrees, else s = -1 and depth = back. Seen edge-on the
image jumps by front + back, the thickness of the slab.

(beta, front, back) and (beta + 180 degrees, back, front) are the same slab.
"""

import numpy as np

N_BOUNDS = (1.29, 1.33)


def slab_shift(t: np.ndarray | float, front: float, back: float, n: float) -> np.ndarray:
    """Shift across the axis at angles `t` (any shape, radians) from the front face's normal.

    In the unit of `front` and `back`; the image lies at the position without a slab minus this.

    Examples
    --------
    >>> slab_shift(np.radians([45, 135]), 10.0, 20.0, 1.31).round(3).tolist()
    [-2.537, 5.074]
    """
    columns, _, _ = slab_columns(np.asarray(t, np.float64), n)
    return -(columns @ np.array([front, back]))


def slab_columns(t: np.ndarray, n: np.ndarray | float) -> tuple[np.ndarray, ...]:
    """What a front and a back of unit depth add to the position, and its slopes.

    Parameters
    ----------
    t : (...,) radians, any number of turns
    n : refractive index, broadcast against `t`

    Returns
    -------
    Three arrays (..., 2) float64, front and back: minus the shift, its derivatives by t and by n.
    """
    sine, cosine = np.sin(t), np.cos(t)
    front = np.abs(np.mod(t + np.pi, 2 * np.pi) - np.pi) < np.pi / 2
    s = np.where(front, 1.0, -1.0)
    root = n**2 - sine**2
    tangent = sine / np.sqrt(root)  # of the angle of refraction i
    # sin(s t - i) / cos(i) = s sin(t) - cos(t) tan(i)
    value = s * sine - cosine * tangent
    by_t = s * cosine + sine * tangent - cosine * (cosine * n**2 / root**1.5)
    by_n = cosine * n * sine / root**1.5
    faces = np.stack([front, ~front], axis=-1)
    return tuple(np.where(faces, column[..., None], 0.0) for column in (value, by_t, by_n))
