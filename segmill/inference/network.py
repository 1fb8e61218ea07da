"""One trained network, ready to run: its own preprocessing, normalisation, precision and device."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from segmill.errors import ConfigError
from segmill.inference.pixels import ImageError
from segmill.inference.tiling import TilingOptions, predict_tiled
from segmill.inference.tta import averaged_views
from segmill.models import receptive_field
from segmill.models.bundle import ModelBundle, load_model
from segmill.models.coordinates import AddCoordinates
from segmill.preprocess import Preprocessing
from segmill.progress import log
from segmill.training.precision import Precision


class TrainedNetwork:
    """A network of a model file on a device.

    Attributes
    ----------
    bundle : the model file's content
    device : where the network runs
    preprocessing : applied to whole images
    """

    def __init__(self, bundle: ModelBundle, device: torch.device, precision: Precision):
        self.bundle, self.device, self.precision = bundle, device, precision
        self.preprocessing = Preprocessing.from_dict(bundle.preprocessing)
        # Before compilation, which hides the layers.
        self._margin = _receptive_field(bundle.model)
        self._sees_place = any(isinstance(m, AddCoordinates) for m in bundle.model.modules())
        self.model = precision.prepare(bundle.model.to(device).eval())
        shape = (1, -1, 1, 1)
        self._mean = torch.tensor(bundle.mean, dtype=torch.float32, device=device).reshape(shape)
        self._std = torch.tensor(bundle.std, dtype=torch.float32, device=device).reshape(shape)

    @classmethod
    def load(cls, path: str | Path, device: torch.device, precision: Precision) -> "TrainedNetwork":
        """Open a model file; errors as :func:`segmill.models.bundle.load_model`."""
        return cls(load_model(path), device, precision)

    @property
    def in_channels(self) -> int:
        """Channels of the prepared image."""
        return self.bundle.model.configuration["in_channels"]

    def normalise(self, pixels: np.ndarray) -> Tensor:
        """Network input (B, C, h, w) float32 on the device, from pixels of uint8 or uint16."""
        top = float(np.iinfo(pixels.dtype).max)
        image = torch.from_numpy(pixels.astype(np.float32)).to(self.device)
        return (image / top - self._mean) / self._std

    @torch.inference_mode()
    def logits(self, batch: Tensor) -> Tensor:
        """Raw outputs (B, K, h, w) float32 of normalised input (B, C, h, w) on the device.

        h and w must be multiples of the network's ``size_multiple``.
        """
        with self.precision.autocast(self.device):
            return self.model(self.precision.lay_out(batch)).float()

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Scores (B, K, h, w) float32 of pixels (B, C, h, w) of the prepared image.

        Softmax over exclusive classes, sigmoid of overlapping notions, values of targets as they
        are.
        """
        logits = self.logits(self.normalise(pixels))
        if self.bundle.task == "semantic":
            logits = logits.softmax(dim=1)
        elif self.bundle.task == "notions":
            logits = logits.sigmoid()
        return logits.cpu().numpy()

    def scores(self, image: np.ndarray, tiling: TilingOptions, views: str) -> np.ndarray:
        """Scores (h, w, K) float32 of an image (h, w, C) uint8 or uint16, in its own frame.

        A network that sees coordinates always gets the image whole: a tile has others.

        Raises
        ------
        ImageError
            if its channels cannot become those the network was trained on.
        """
        found = self.preprocessing.output_channels(image.shape[2])
        if found != self.in_channels:
            raise ImageError(
                f"expected an image of {self.in_channels} channels (preprocessing "
                f"channels: {self.preprocessing.channels}), found {image.shape[2]}"
            )
        try:
            prepared = self.preprocessing.apply(image)
        except ConfigError as error:
            raise ImageError(str(error)) from error
        if self._sees_place and tiling.mode != "whole":
            tiling = replace(tiling, mode="whole")
        scores = predict_tiled(
            averaged_views(self.probabilities, views),
            np.moveaxis(prepared, 2, 0),
            tiling,
            multiple=self.bundle.model.size_multiple,
            margin=self._margin,
        )
        scores = np.ascontiguousarray(np.moveaxis(scores, 0, 2))
        return self.preprocessing.restore_values(scores, image.shape[:2])


def _receptive_field(model: torch.nn.Module) -> int | None:
    """How far an output pixel can see, in pixels; None where a layer has no rule for it."""
    try:
        return receptive_field(model) - 1
    except TypeError as error:
        log.info("tiles are blended, not exact: %s", error)
        return None
