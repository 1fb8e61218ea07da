"""The one interface of all losses, and their table by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict

import torch
from torch import Tensor, nn

from segmill.errors import ConfigError
from segmill.options import build_options


class Loss(nn.Module, ABC):
    """A scalar loss of a network's output and the truth, as ``loss(prediction, truth)``.

    `needs` names the entries of `truth` that a loss cannot do without; ``"ignore"`` may always be
    there. All share batch, height and width with the prediction (B, K, H, W), in its pixel frame:

    - ``semantic`` (B, H, W) integer class ids 0..K-1
    - ``weight`` (B, H, W) float, a weight per pixel
    - ``notions`` (B, H, W) integer, bit k set where notion k is present
    - ``target`` (B, K, H, W) float, values to regress; beside ``notions`` the last channels alone,
      in their order. NaN = not annotated: such values enter no sum and no count either
    - ``ignore`` (B, H, W) bool, True = not annotated: such pixels enter no sum and no count,
      whatever the other entries hold there

    Half-precision predictions are computed in float32, outside of autocast; float64 stays. Where
    every pixel is ignored the loss is zero, with a gradient of zero.
    """

    needs: tuple[str, ...] = ()

    def forward(self, prediction: Tensor, truth: Mapping[str, Tensor]) -> Tensor:
        """The loss as a scalar tensor, float32 (float64 for a float64 prediction).

        Parameters
        ----------
        prediction : (B, K, H, W) float16, bfloat16, float32 or float64; logits, except for `mse`
            and `mse_tv` on targets
        truth : tensors by name, on the device of the prediction; see the class

        Raises
        ------
        ValueError
            When an entry is missing or its shape does not fit the prediction.
        """
        self._check(prediction, truth)
        if prediction.dtype in (torch.float16, torch.bfloat16):
            prediction = prediction.float()
        ignore = truth.get("ignore")
        batch, _, height, width = prediction.shape
        if ignore is None:
            valid = torch.ones(batch, height, width, dtype=torch.bool, device=prediction.device)
        else:
            valid = ~ignore
        with torch.autocast(prediction.device.type, enabled=False):
            return self.evaluate(prediction, truth, valid)

    @abstractmethod
    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """The loss over the pixels where `valid` (B, H, W) is True; inputs are checked."""

    def target_channels(self, outputs: int) -> int:
        """How many of the network's last outputs are learnt from ``target``: all by default."""
        return outputs

    def _check(self, prediction: Tensor, truth: Mapping[str, Tensor]) -> None:
        name = type(self).__name__
        if prediction.dim() != 4 or not prediction.is_floating_point():
            raise ValueError(
                f"{name}: expected a prediction (B, K, H, W) of floats, "
                f"found {tuple(prediction.shape)} {prediction.dtype}"
            )
        missing = [key for key in self.needs if key not in truth]
        if missing:
            found = ", ".join(sorted(truth)) or "none"
            raise ValueError(f"{name}: needs {', '.join(missing)} in the truth, found {found}")
        batch, channels, height, width = prediction.shape
        for key in (*self.needs, *(("ignore",) if "ignore" in truth else ())):
            expected = (batch, height, width)
            if key == "target":
                expected = (batch, self.target_channels(channels), height, width)
            if tuple(truth[key].shape) != expected:
                raise ValueError(
                    f"{name}: expected {key} of shape {expected}, found {tuple(truth[key].shape)}"
                )
        if truth.get("ignore") is not None and truth["ignore"].dtype != torch.bool:
            raise ValueError(f"{name}: expected ignore as bool, found {truth['ignore'].dtype}")


_LOSSES: dict[str, tuple[Callable[..., Loss], type]] = {}


def register(name: str, options: type) -> Callable[[type[Loss]], type[Loss]]:
    """Make `build(name, ...)` call the decorated class with the fields of `options`."""

    def add(loss: type[Loss]) -> type[Loss]:
        _LOSSES[name] = (loss, options)
        return loss

    return add


def names() -> tuple[str, ...]:
    """The legal names of losses, sorted."""
    return tuple(sorted(_LOSSES))


def build(name: str, **options) -> Loss:
    """Build a loss.

    Parameters
    ----------
    name : one of :func:`names`
    options : fields of the loss's options dataclass; absent ones take their default

    Raises
    ------
    ConfigError
        When the name, an option or a value is not legal; the message names the legal ones.
    """
    if name not in _LOSSES:
        raise ConfigError(f"loss {name!r}: expected one of {', '.join(names())}")
    loss, options_type = _LOSSES[name]
    return loss(**asdict(build_options(options_type, options, f"options of loss {name!r}")))


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of `values` where `valid` (same shape, bool); zero, with a gradient, if nowhere."""
    return torch.where(valid, values, 0).sum() / valid.sum().clamp(min=1)


def class_ids(truth: Mapping[str, Tensor], valid: Tensor, classes: int) -> Tensor:
    """``truth["semantic"]`` as (B, H, W) int64, ignored pixels set to class 0.

    Raises
    ------
    ValueError
        When a valid pixel has an id of `classes` or more. Tested on the CPU only: on a GPU the test
        would make each step wait, and the id fails an assertion of the device instead.
    """
    ids = torch.where(valid, truth["semantic"].long(), 0)
    if ids.device.type == "cpu" and ids.numel() and int(ids.max()) >= classes:
        raise ValueError(f"expected class ids below {classes}, found {int(ids.max())}")
    return ids


def notion_masks(truth: Mapping[str, Tensor], notions: int) -> Tensor:
    """``truth["notions"]`` unpacked to (B, notions, H, W) bool: channel k is bit k.

    Raises
    ------
    ValueError
        When there are more notions than the 16 bits of a sample store.
    """
    if notions > 16:
        raise ValueError(f"expected at most 16 notions, found {notions} channels")
    bits = torch.arange(notions, dtype=torch.int32, device=truth["notions"].device)
    return (truth["notions"].to(torch.int32)[:, None] >> bits[:, None, None] & 1).bool()
