"""Contact sheets: samples of a store side by side, with the outlines of their labels."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from segmill.errors import ConfigError
from segmill.store import Store

# Okabe and Ito (2008), "Color Universal Design": neighbouring objects stay apart for every eye.
COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167)],
    np.uint8,
)
PERCENTILES = (0.5, 99.8)
CAPTION = 16
GAP = 4
BACKGROUND, INK = 255, (30, 30, 30)


def contact_sheet(
    store: Store,
    indices: Iterable[int] | None = None,
    columns: int = 4,
    tile: int = 256,
) -> np.ndarray:
    """Draw samples of a store as a grid, row by row.

    Each image is stretched from its percentiles 0.5 and 99.8 to black and white and scaled to fit
    its tile. Labels are drawn as outlines: `instances` one colour per object, else `semantic` one
    colour per class, else one colour per bit of `notions`. Pixels under `ignore` are hatched. The
    caption is the sample id.

    Parameters
    ----------
    store : with at least `image`, of 1 (grey), 2 (shown as red and green), 3 (RGB) or 4 channels
    indices : samples to draw; None: the first 12
    columns : tiles in a row
    tile : longer side of each image on the sheet, pixels

    Returns
    -------
    (H, W, 3) uint8, RGB

    Raises
    ------
    ConfigError
        for less than one column, a tile below 16 pixels, no or unknown samples.
    """
    chosen = list(range(min(12, len(store))) if indices is None else map(int, indices))
    offences = []
    if columns < 1:
        offences.append(f"columns: expected at least 1, found {columns}")
    if tile < 16:
        offences.append(f"tile: expected at least 16 pixels, found {tile}")
    if not chosen:
        offences.append("indices: expected at least one sample, found none")
    unknown = [i for i in chosen if not 0 <= i < len(store)]
    if unknown:
        offences.append(f"indices: {store.path} has samples 0 to {len(store) - 1}, found {unknown}")
    if offences:
        raise ConfigError("contact sheet: " + "; ".join(offences))
    tiles = [sample_tile(store, i, tile) for i in chosen]
    return tile_grid(tiles, min(columns, len(tiles)))


def sample_tile(store: Store, i: int, tile: int = 256) -> np.ndarray:
    """One sample with outlines and caption: (h + 16, w, 3) uint8, its longer side `tile` pixels."""
    image = displayed(store.image(i))
    scale = tile / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    shrinking = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    image = cv2.resize(image, size, interpolation=shrinking)
    if "ignore" in store.fields:
        image = _hatched(image, _scaled(store.ignore(i), size).astype(bool))
    for labels in _label_maps(store, i):
        image = outlined(image, _scaled(labels, size))
    return _captioned(image, str(store.table["sample_id"].iloc[i]))


def displayed(image: np.ndarray) -> np.ndarray:
    """An image of (h, w, C) uint8 or uint16 stretched for the eye: (h, w, 3) uint8 RGB."""
    colours = _as_rgb(image)
    low, high = np.percentile(image[..., :3], PERCENTILES)
    if high <= low:
        # Without contrast there is nothing to stretch: keep the place in the range of the dtype.
        low, high = 0, np.iinfo(image.dtype).max
    stretched = (colours.astype(np.float32) - low) * np.float32(255 / (high - low))
    return np.clip(np.rint(stretched), 0, 255).astype(np.uint8)


def _as_rgb(image: np.ndarray) -> np.ndarray:
    channels = image.shape[2]
    if channels == 1:
        return np.repeat(image, 3, axis=2)
    if channels == 2:
        return np.concatenate([image, np.zeros_like(image[..., :1])], axis=2)
    return image[..., :3]


def outlined(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The image with the inner outline of each label drawn over it, one pixel wide.

    Parameters
    ----------
    image : (h, w, 3) uint8
    labels : (h, w) integers, 0 = background
    """
    padded = np.pad(labels, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    edge = np.zeros(labels.shape, bool)
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        edge |= padded[row : row + labels.shape[0], column : column + labels.shape[1]] != middle
    edge &= middle != 0
    drawn = image.copy()
    drawn[edge] = COLOURS[(middle[edge].astype(np.int64) - 1) % len(COLOURS)]
    return drawn


def tile_grid(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Tiles (h, w, 3) uint8 of any size on a white grid, row by row, with 4 pixels between them."""
    height = max(tile.shape[0] for tile in tiles)
    width = max(tile.shape[1] for tile in tiles)
    rows = -(-len(tiles) // columns)
    shape = (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3)
    sheet = np.full(shape, BACKGROUND, np.uint8)
    for k, tile in enumerate(tiles):
        top = GAP + (k // columns) * (height + GAP)
        left = GAP + (k % columns) * (width + GAP)
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _label_maps(store: Store, i: int) -> list[np.ndarray]:
    """Label images (h, w) int32 to outline."""
    if "instances" in store.fields:
        return [store.instances(i)]
    if "semantic" in store.fields:
        return [store.semantic(i).astype(np.int32)]
    if "notions" in store.fields:
        bits = store.notions(i).astype(np.int32)
        return [((bits >> bit) & 1) * (bit + 1) for bit in range(16) if ((bits >> bit) & 1).any()]
    return []


def _scaled(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels at the size (width, height) of the tile, by nearest neighbour."""
    return cv2.resize(labels.astype(np.int32), size, interpolation=cv2.INTER_NEAREST_EXACT)


def _hatched(image: np.ndarray, ignore: np.ndarray) -> np.ndarray:
    """Every sixth diagonal of the unannotated pixels drawn in grey."""
    row, column = np.indices(ignore.shape)
    drawn = image.copy()
    drawn[ignore & ((row + column) % 6 == 0)] = 128
    return drawn


def _captioned(image: np.ndarray, text: str) -> np.ndarray:
    """The image with the end of `text`, as much as fits, in a white line below it."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.38
    shown = text
    while shown and cv2.getTextSize(_ascii(shown), font, size, 1)[0][0] > image.shape[1] - 4:
        # Ids differ at their end: the start is cut.
        shown = ".." + shown.removeprefix("..")[1:] if len(shown) > 3 else ""
    line = np.full((CAPTION, image.shape[1], 3), BACKGROUND, np.uint8)
    cv2.putText(line, _ascii(shown), (2, CAPTION - 5), font, size, INK, 1, cv2.LINE_AA)
    return np.concatenate([image, line])


def _ascii(text: str) -> str:
    """OpenCV's built-in fonts know ASCII only."""
    return text.encode("ascii", "replace").decode()
