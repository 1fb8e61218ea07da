"""Sweeps of simple bodies with known outlines, drawn pixel by pixel."""

import numpy as np

from segmill.random import generator

SHAPE = (160, 200)
AXIS = 82.0
PIN, STEM, TIP = 30, 90, 150


def turned(image: np.ndarray, side: str) -> np.ndarray:
    """An image whose sample enters from the left, as one where it enters from `side`."""
    if side in ("top", "bottom"):
        image = image.swapaxes(0, 1)
    if side == "right":
        image = image[:, ::-1]
    return image[::-1] if side == "bottom" else image


def outline(omega: float, offset: tuple[float, float]) -> np.ndarray:
    """Mask (160, 200) of a pin, a stem and an elliptic plate, entering from the left.

    The plate is a flat ellipse of half axes 30 (along), 24 and 8 (across), its centre `offset`
    (x, depth) off the axis; pin and stem are round and lie on the axis.
    """
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    across = rows - AXIS
    mask = (columns < PIN) & (np.abs(across) <= 25)
    mask |= (columns < STEM + 4) & (np.abs(across) <= 4)
    half = np.hypot(24 * np.cos(omega), 8 * np.sin(omega))
    centre = offset[0] * np.cos(omega) + offset[1] * np.sin(omega)
    middle = (STEM + TIP) / 2
    plate = ((columns - middle) / 30) ** 2 + ((across - centre) / half) ** 2 <= 1
    return mask | plate


def sweep(
    side: str = "left",
    frames: int = 40,
    offset: tuple[float, float] = (6.0, -4.0),
    noise: float = 2.0,
    light: float = 150.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames (N, H, W) uint8, omega (N,) degrees, masks (N, H, W) bool of a dark sample."""
    rng = generator(0, "sweep of a plate")
    omega = np.linspace(10, 370, frames, endpoint=False)
    masks = np.stack([turned(outline(w, offset), side) for w in np.radians(omega)])
    field = light * (1 + 0.1 * np.linspace(-1, 1, masks.shape[2]))
    grey = np.where(masks, 0.25 * field, field) + rng.normal(0, noise, masks.shape)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8), omega, masks
