"""What is done to a whole image before a network sees any part of it.

Training shards, checkpoints and predictions share one :class:`Preprocessing`, so that an image
to be predicted is prepared exactly as the images that the network was trained on.
"""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from segmill.errors import ConfigError

MODES = ("percentile", "minmax", "dtype")
CHANNELS = ("as_is", "grey", "rgb")
DEFAULT_PERCENTILES = (1.0, 99.8)
_NORMALISE_KEYS = ("mode", "low", "high", "per_channel")
_KEYS = ("normalise", "rescale", "channels")
_CHANNEL_COUNTS = (1, 3, 4)


@dataclass(frozen=True)
class Preprocessing:
    """Channels, grey levels and size of the images that a network works on.

    Applied to the whole image, in this order: channels, normalisation, rescaling. Crops are cut
    afterwards, so that they carry the statistics of their image.

    Attributes
    ----------
    normalise : mapping with key ``mode``
        ``"percentile"``: the percentiles ``low`` and ``high`` (default 1 and 99.8) of the image go
        to 0 and to the largest value of its dtype, values beyond are clipped. ``"minmax"``: the
        same with the smallest and largest value. ``"dtype"``: grey levels stay as they are.
        ``per_channel`` (default false): measure each channel on its own instead of all together.
    rescale : factor on height and width, above 0; 0.5 halves the image
    channels : ``"as_is"``, ``"grey"`` (luminance of ITU-R BT.601; one channel) or ``"rgb"`` (grey
        is repeated; three channels). A fourth channel is taken as alpha and dropped by both.

    Raises
    ------
    ConfigError
        on construction, naming every key that is unknown or has an illegal value.
    """

    normalise: Mapping = field(default_factory=lambda: {"mode": "dtype"})
    rescale: float = 1.0
    channels: str = "as_is"

    def __post_init__(self):
        offences = _offences(self.normalise, self.rescale, self.channels)
        if offences:
            raise ConfigError("preprocessing: " + "; ".join(offences))
        normalise = dict(self.normalise)
        if normalise["mode"] == "percentile":
            normalise.setdefault("low", DEFAULT_PERCENTILES[0])
            normalise.setdefault("high", DEFAULT_PERCENTILES[1])
        object.__setattr__(self, "normalise", normalise)

    @classmethod
    def from_dict(cls, config: Mapping | None) -> "Preprocessing":
        """Make one from a configuration; missing keys take their defaults, None is all defaults.

        Raises
        ------
        ConfigError
            naming every unknown key and every illegal value at once.
        """
        if config is not None and not isinstance(config, Mapping):
            raise ConfigError(f"preprocessing: expected a mapping, found {config!r}")
        config = dict(config or {})
        offences = [f"unknown key {key!r}, expected {_KEYS}" for key in config if key not in _KEYS]
        defaults = {"normalise": {"mode": "dtype"}, "rescale": 1.0, "channels": "as_is"}
        known = defaults | {key: config[key] for key in _KEYS if key in config}
        offences += _offences(**known)
        if offences:
            raise ConfigError("preprocessing: " + "; ".join(offences))
        return cls(**known)

    def to_dict(self) -> dict:
        """The JSON form that :meth:`from_dict` reads."""
        return {
            "normalise": dict(self.normalise),
            "rescale": float(self.rescale),
            "channels": self.channels,
        }

    def output_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width in pixels that an image of `shape` (h, w) has after :meth:`apply`."""
        return tuple(max(1, round(side * self.rescale)) for side in shape[:2])

    def output_channels(self, channels: int) -> int:
        """Number of channels after :meth:`apply` of an image with `channels` channels."""
        return {"as_is": channels, "grey": 1, "rgb": 3}[self.channels]

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Prepare one whole image.

        Parameters
        ----------
        image : (h, w, C) or (h, w) uint8 or uint16

        Returns
        -------
        (H', W', C') array of the image's dtype, with (H', W') = ``output_shape((h, w))``.
            Downscaling averages areas, upscaling interpolates linearly.

        Raises
        ------
        ConfigError
            if the image has another dtype or shape, or channels that cannot be converted.
        """
        image = _checked(np.asarray(image))
        image = _convert_channels(image, self.channels)
        image = _normalise(image, self.normalise)
        return _resize(image, self.output_shape(image.shape))

    def apply_labels(self, labels: np.ndarray) -> np.ndarray:
        """Bring (h, w) or (h, w, K) labels into the frame of the prepared image.

        Each output pixel takes the label at its centre (nearest neighbour), whatever the dtype; no
        label is ever mixed of two.
        """
        shape = self.output_shape(labels.shape)
        if shape == labels.shape[:2]:
            return labels
        rows, columns = (_nearest(n, m) for n, m in zip(shape, labels.shape[:2], strict=True))
        return np.ascontiguousarray(labels[rows[:, None], columns[None, :]])

    def apply_values(self, values: np.ndarray) -> np.ndarray:
        """Bring (h, w, K) float32 fields into the frame of the prepared image."""
        return _resize(values, self.output_shape(values.shape))

    def restore_values(self, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Bring (H', W', K) float32 scores back to the frame of the raw image of `shape` (h, w)."""
        return _resize(values, tuple(shape))


def _offences(normalise, rescale, channels) -> list[str]:
    offences = []
    if not isinstance(normalise, Mapping):
        offences.append(f"normalise: expected a mapping with key 'mode', found {normalise!r}")
    else:
        offences += _normalise_offences(normalise)
    if not _is_number(rescale) or not 0 < rescale < float("inf"):
        offences.append(f"rescale: expected a number above 0, found {rescale!r}")
    if channels not in CHANNELS:
        offences.append(f"channels: expected one of {CHANNELS}, found {channels!r}")
    return offences


def _normalise_offences(normalise: Mapping) -> list[str]:
    offences = [
        f"normalise: unknown key {key!r}, expected {_NORMALISE_KEYS}"
        for key in normalise
        if key not in _NORMALISE_KEYS
    ]
    mode = normalise.get("mode")
    if mode not in MODES:
        offences.append(f"normalise.mode: expected one of {MODES}, found {mode!r}")
    if not isinstance(normalise.get("per_channel", False), bool):
        found = normalise["per_channel"]
        offences.append(f"normalise.per_channel: expected true or false, found {found!r}")
    limits = {key: normalise[key] for key in ("low", "high") if key in normalise}
    if mode != "percentile":
        offences += [f"normalise.{key}: only mode 'percentile' has it" for key in limits]
        return offences
    wrong = [key for key, value in limits.items() if not _is_number(value) or not 0 <= value <= 100]
    for key in wrong:
        offences.append(f"normalise.{key}: expected 0 to 100, found {limits[key]!r}")
    low, high = (
        limits.get(k, d) for k, d in zip(("low", "high"), DEFAULT_PERCENTILES, strict=True)
    )
    if not wrong and low >= high:
        offences.append(f"normalise: expected low < high, found low {low} and high {high}")
    return offences


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _checked(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        image = image[:, :, None]
    if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or 0 in image.shape:
        raise ConfigError(
            "preprocessing: expected an image (h, w, C) of uint8 or uint16 with at least one pixel,"
            f" found {image.dtype} {image.shape}"
        )
    return image


def _convert_channels(image: np.ndarray, channels: str) -> np.ndarray:
    count = image.shape[2]
    if channels == "as_is" or count == {"grey": 1, "rgb": 3}[channels]:
        return image
    if count not in _CHANNEL_COUNTS:
        raise ConfigError(
            f"preprocessing.channels: {channels!r} needs 1, 3 or 4 channels, found {count}"
        )
    if channels == "rgb":
        return np.repeat(image, 3, axis=2) if count == 1 else np.ascontiguousarray(image[:, :, :3])
    return cv2.cvtColor(np.ascontiguousarray(image[:, :, :3]), cv2.COLOR_RGB2GRAY)[:, :, None]


def _normalise(image: np.ndarray, normalise: Mapping) -> np.ndarray:
    if normalise["mode"] == "dtype":
        return image
    if normalise.get("per_channel", False):
        planes = [_stretch(image[:, :, c], normalise) for c in range(image.shape[2])]
        return np.stack(planes, axis=2)
    return _stretch(image, normalise)


def _stretch(values: np.ndarray, normalise: Mapping) -> np.ndarray:
    """Map [low, high] of the values linearly to the full range of their dtype, through a table."""
    top = np.iinfo(values.dtype).max
    counts = np.bincount(values.ravel(), minlength=top + 1)
    present = np.flatnonzero(counts)
    low, high = float(present[0]), float(present[-1])
    if normalise["mode"] == "percentile":
        inner = percentiles(counts, (normalise["low"], normalise["high"]))
        # Where nearly every pixel has one value, the percentiles coincide and would lose the rest.
        low, high = inner if inner[0] < inner[1] else (low, high)
    grey = np.arange(top + 1, dtype=np.float64)
    scaled = (grey - low) * (top / (high - low)) if high > low else np.zeros_like(grey)
    table = np.rint(np.clip(scaled, 0, top)).astype(values.dtype)
    return table[values]


def percentiles(counts: np.ndarray, q: tuple[float, ...]) -> tuple[float, ...]:
    """Percentiles of integers from their histogram, equal to ``numpy.percentile`` (linear).

    Parameters
    ----------
    counts : (n,) number of occurrences of each value 0 .. n - 1, not all zero
    q : percentages in 0 .. 100
    """
    cumulative = np.cumsum(counts)
    position = np.asarray(q, np.float64) / 100 * (cumulative[-1] - 1)
    below = np.floor(position)
    lower = np.searchsorted(cumulative, below, side="right")
    upper = np.searchsorted(cumulative, np.ceil(position), side="right")
    return tuple((lower + (position - below) * (upper - lower)).tolist())


def _resize(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (h, w, K) values to `shape`: area average where an axis shrinks, else linear."""
    if values.shape[:2] == shape:
        return values
    shrinks = shape[0] < values.shape[0] or shape[1] < values.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    # OpenCV's resize takes at most four channels at a time for each of these methods.
    parts = [
        cv2.resize(np.ascontiguousarray(values[:, :, c : c + 4]), shape[::-1], interpolation=method)
        for c in range(0, values.shape[2], 4)
    ]
    return np.concatenate([part.reshape(*shape, -1) for part in parts], axis=2)


def _nearest(n: int, m: int) -> np.ndarray:
    """Index, on an axis of m pixels, below the centre of each of n pixels of equal extent."""
    return np.minimum(((np.arange(n) + 0.5) * (m / n)).astype(np.intp), m - 1)
