"""Whether a training's number format, layout and compilation give right gradients."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from segmill.errors import TrainingError
from segmill.models.dropout import NOISES
from segmill.progress import log
from segmill.training.precision import FIRST_LOSS_SCALE, Precision

# Largest relative error of a parameter's gradient that rounding may cause. On noise and on real
# images it causes up to 0.16 in bf16 and 0.017 in fp16 (TF32 has the digits of fp16) in a U-Net of
# five levels, and more in deeper networks; broken kernels err by 0.7 and more, or give NaN.
TOLERANCES = {"float32": 0.05, "bf16": 0.4, "fp16": 0.1}

# Too large a loss scale overflows fp16; the check lowers it by this factor until all is finite.
SCALE_STEP = 16.0

# A gradient that cancels to zero has no relative error: below this share of the network's root mean
# square gradient, a parameter is judged against that share.
FLOOR = 0.1

Input = tuple[Tensor, Mapping[str, Tensor]]
LossFunction = Callable[[Tensor, Mapping[str, Tensor]], Tensor]


@dataclass(frozen=True)
class GradientErrors:
    """Relative error of each parameter's gradient, by name; infinite where it is not finite."""

    errors: dict[str, float]
    tolerance: float

    @property
    def worst(self) -> float:
        """The largest error."""
        return max(self.errors.values(), default=0.0)

    @property
    def wrong(self) -> dict[str, float]:
        """The parameters beyond the tolerance, worst first."""
        beyond = {name: e for name, e in self.errors.items() if e > self.tolerance}
        return dict(sorted(beyond.items(), key=lambda item: -item[1]))


def check_gradients(
    model: nn.Module,
    make_input: Callable[[], Input],
    loss: LossFunction,
    precision: Precision,
    tolerance: float | None = None,
) -> GradientErrors:
    """Compare the gradients of a combination with those of plain float32, on the same weights.

    Called at the start of a training. The network itself, its gradients and torch's random state
    stay untouched. Rounding changes which side of a kink a value falls on, which alone moves
    gradients by tens of percents; the copies that are compared therefore have smooth stand-ins for
    ReLU and maximum pooling, and no dropout. Every other layer runs as in training.

    A combination that :func:`segmill.training.precision.resolve` would change must not come here:
    it can end the process.

    Parameters
    ----------
    model : the network, on its device, compiled or not
    make_input : gives an image (B, C, H, W) float32 and the truth for `loss`, on that device;
        called once. Two crops of random noise of the size of the training serve well; constant
        images do not, for batch normalisation enlarges their rounding beyond the range of fp16
    loss : ``loss(prediction, truth) -> scalar``
    precision : the combination to check
    tolerance : largest relative error of any parameter's gradient; by default that of `TOLERANCES`

    Returns
    -------
    GradientErrors
        Empty for plain float32, which is the reference.

    Raises
    ------
    TrainingError
        When a gradient is further off; names each such parameter, its error and what to switch off.
    """
    tolerance = TOLERANCES[precision.dtype] if tolerance is None else tolerance
    if precision.plain:
        return GradientErrors({}, tolerance)
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        comparison = _Comparison(model, make_input(), loss)
        found = GradientErrors(comparison.errors(precision), tolerance)
        if found.wrong:
            raise TrainingError(_complaint(comparison, precision, found))
    log.info("gradients of %s agree with float32 within %.3g", precision, found.worst)
    return found


class _Comparison:
    """Gradients of a network for one input under any combination, against plain float32."""

    def __init__(self, model: nn.Module, sample: Input, loss: LossFunction):
        self.model = model
        self.sample = sample
        self.loss = loss
        # The reference does without the shortened products (TF32) of a GPU.
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            self.reference = self._gradients(Precision())

    def errors(self, precision: Precision) -> dict[str, float]:
        """Relative error of the gradient of each parameter."""
        scale = FIRST_LOSS_SCALE if precision.dtype == "fp16" else 1.0
        found = self._gradients(precision, scale)
        while scale > 1 and not all(torch.isfinite(g).all() for g in found.values()):
            scale /= SCALE_STEP
            found = self._gradients(precision, scale)
        return relative_errors(found, self.reference)

    def _gradients(self, precision: Precision, scale: float = 1.0) -> dict[str, Tensor]:
        """Float32 gradients by parameter name, from a smooth copy of the network in training."""
        image, truth = self.sample
        smooth = precision.prepare(_smooth(copy.deepcopy(self.model).train()))
        smooth.zero_grad(set_to_none=True)
        with precision.autocast(image.device):
            prediction = smooth(precision.lay_out(image))
        (self.loss(prediction, truth) * scale).backward()
        used = {name: p for name, p in smooth.named_parameters() if p.grad is not None}
        return {name: p.grad.float() / scale for name, p in used.items()}


def _complaint(comparison: _Comparison, precision: Precision, found: GradientErrors) -> str:
    """The message: the parameters that are wrong, and which single changes make them right."""
    cures = []
    for key, value in (("compile", False), ("channels_last", False), ("dtype", "float32")):
        milder = replace(precision, **{key: value})
        if milder == precision:
            continue
        if max(comparison.errors(milder).values()) <= found.tolerance:
            cures.append(f"precision.{key} to {str(value).lower()}")
    advice = f"set {' or '.join(cures)}" if cures else "use plain float32"
    lines = [f"  {name}: {error:.3g}" for name, error in found.wrong.items()]
    return (
        f"the gradients of precision ({precision}) are wrong: expected a relative error of at most "
        f"{found.tolerance:g} against plain float32, found\n" + "\n".join(lines) + f"\n{advice}"
    )


def relative_errors(found: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, float]:
    """||found - expected|| / ||expected|| of each tensor; one that was not found counts as zero.

    Small tensors are judged as `FLOOR` says; what is not finite has an infinite error. Single
    numbers, such as the weights of an adaptive normalisation, are judged together: each is a sum
    over all pixels that may cancel, so that rounding alone can be half of it.
    """
    found = {name: found.get(name, torch.zeros_like(g)) for name, g in expected.items()}
    found, expected = _single_numbers_as_one(found), _single_numbers_as_one(expected)
    count = sum(g.numel() for g in expected.values())
    squares = sum(float(g.double().square().sum()) for g in expected.values())
    floor = FLOOR * (squares / count) ** 0.5
    errors = {}
    for name, gradient in expected.items():
        norm = max(float(gradient.double().norm()), floor * gradient.numel() ** 0.5)
        difference = float((found[name] - gradient).double().norm())
        if difference == 0:
            errors[name] = 0.0
        else:
            finite = difference < float("inf") and norm > 0
            errors[name] = difference / norm if finite else float("inf")
    return errors


def _single_numbers_as_one(gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    """All gradients of one element as a vector, under their names; the others as they are."""
    single = {name: g.reshape(1) for name, g in gradients.items() if g.numel() == 1}
    others = {name: g for name, g in gradients.items() if name not in single}
    return others | ({", ".join(single): torch.cat([*single.values()])} if single else {})


def _smooth(model: nn.Module) -> nn.Module:
    """Put smooth stand-ins for kinks and take the noise away, in place."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.ReLU | nn.LeakyReLU):
                setattr(parent, name, nn.GELU())
            elif isinstance(layer, nn.MaxPool2d) and not layer.return_indices:
                setattr(parent, name, nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding))
            elif isinstance(layer, NOISES):
                layer.eval()
    return model
