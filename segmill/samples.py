"""One sample: an image and the labels that a source, a generator or a network gives it."""

from dataclasses import dataclass, field, fields

import numpy as np

from segmill.errors import StoreError

# Allowed dtypes of each array of a sample, and whether it has a channel axis.
LAYOUT: dict[str, tuple[tuple[str, ...], bool]] = {
    "image": (("uint8", "uint16"), True),
    "semantic": (("uint8",), False),
    "instances": (("int32",), False),
    "notions": (("uint16",), False),
    "target": (("float32", "float16"), True),
    "scores": (("float32", "float16"), True),
    "ignore": (("bool",), False),
}


@dataclass
class Sample:
    """An image of (h, w) pixels with its labels; all arrays share the pixel frame (row, column).

    Attributes
    ----------
    image : (h, w, C) uint8 or uint16
    semantic : (h, w) uint8 class ids
    instances : (h, w) int32 object ids, 0 = background
    notions : (h, w) uint16, one bit per overlapping notion
    target : (h, w, K) float32 or float16 regression targets
    scores : (h, w, K) float32 or float16 predicted scores
    ignore : (h, w) bool, True = not annotated
    notes : values for additional columns of the store's table, known only once the sample is made
    """

    image: np.ndarray
    semantic: np.ndarray | None = None
    instances: np.ndarray | None = None
    notions: np.ndarray | None = None
    target: np.ndarray | None = None
    scores: np.ndarray | None = None
    ignore: np.ndarray | None = None
    notes: dict = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[:2]

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are present, by name, in the order of the contract."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name in LAYOUT}
        return {name: array for name, array in named.items() if array is not None}

    def check(self, name: str) -> None:
        """Raise StoreError that names every array of sample `name` breaking the contract."""
        offences = []
        for field_name, array in self.arrays().items():
            dtypes, has_channels = LAYOUT[field_name]
            if array.dtype.name not in dtypes:
                offences.append(f"{field_name} has dtype {array.dtype}, expected {dtypes}")
            if array.ndim != (3 if has_channels else 2):
                axes = "(h, w, C)" if has_channels else "(h, w)"
                offences.append(f"{field_name} has shape {array.shape}, expected {axes}")
            elif array.shape[:2] != self.shape:
                offences.append(f"{field_name} is {array.shape[:2]}, its image {self.shape}")
        if offences:
            raise StoreError(f"sample {name}: " + "; ".join(offences))
