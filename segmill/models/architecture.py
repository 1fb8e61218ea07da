"""One table of all networks: cost, receptive fields, sizes; made from the networks themselves."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from segmill.models.coordinates import AddCoordinates
from segmill.models.description import describe, multiply_adds_per_pixel
from segmill.models.initialisation import initialise
from segmill.models.receptive_fields import measured_receptive_field, receptive_field
from segmill.models.registry import build
from segmill.models.sizes import SizeGuard, next_multiple
from segmill.random import generator, torch_seed

# Options that make a network narrow and leave its kernels, pooling and paths as they are.
NARROW: dict[str, Any] = {
    "width": 2,
    "widths": 2,
    "channels": 2,
    "growth": 1,
    "first_channels": 2,
}
# Above so many multiply-adds a measurement of the receptive field takes half a minute and more.
MOST_MULTIPLY_ADDS = 5e8
LARGEST_SIDE = 512
# The share of the largest gradient that two standard deviations of a Gaussian leave.
SHARE = 1 - 0.9545
FITTING = "continued by reflection at the bottom and the right, result cropped"


def describe_network(
    name: str,
    options: Mapping[str, Any] | None = None,
    in_channels: int = 1,
    out_channels: int = 2,
    draws: int = 8,
    seed: int = 0,
) -> dict[str, Any]:
    """What a network costs, what it sees and which images it takes.

    Parameters
    ----------
    name, options, in_channels, out_channels : of :func:`segmill.models.build`
    draws, seed : of :func:`effective_width`

    Returns
    -------
    dict
        ``network``; the figures of :func:`segmill.models.describe`; ``measured_receptive_field``,
        of a copy with few channels and the same layers, which see as far (nan where even that would
        take minutes); ``effective_width``; ``size_multiple``, of which height and width must be
        multiples; ``least_size``, smallest height and width; ``other_sizes``, what
        :class:`segmill.inference.Predictor` does with images of other sizes (training cuts crops of
        a legal size and refuses others); ``tiles_exactly``, whether tiles with a margin of the
        receptive field give what the whole image gives: not where coordinates or the statistics of
        a group normalisation depend on the size of the image.

    Raises
    ------
    ConfigError
        For a name, an option or a value that is not legal.
    """
    options = dict(options or {})
    model = build(name, in_channels, out_channels, **options)
    least = max((m.least for m in model.modules() if isinstance(m, SizeGuard)), default=1)
    least = next_multiple(least, model.size_multiple)
    return {
        "network": name,
        **describe(model),
        "measured_receptive_field": _measured(_narrow(model)),
        "effective_width": effective_width(model, draws, seed),
        "least_size": least,
        "other_sizes": "none" if model.size_multiple == least == 1 else _other_sizes(model, least),
        "tiles_exactly": not any(
            isinstance(m, AddCoordinates | nn.GroupNorm | nn.InstanceNorm2d)
            for m in model.modules()
        ),
    }


def architecture_table(
    networks: Sequence[Mapping[str, Any]], draws: int = 8, seed: int = 0
) -> pd.DataFrame:
    """The figures of several networks, one row each, ready for a table of a report or a CSV file.

    Parameters
    ----------
    networks : mappings with the keyword arguments of :func:`describe_network` (``name``,
        ``options``, ``in_channels``, ``out_channels``) and, where it shall differ, a ``label``
    draws, seed : of :func:`effective_width`

    Returns
    -------
    Columns ``label`` and those of :func:`describe_network`.
    """
    rows = []
    for entry in networks:
        arguments = dict(entry)
        label = arguments.pop("label", arguments["name"])
        rows.append({"label": label, **describe_network(**arguments, draws=draws, seed=seed)})
    return pd.DataFrame(rows)


def effective_width(
    model: nn.Module, draws: int = 8, seed: int = 0, largest: int = LARGEST_SIDE
) -> float:
    """Width in pixels of what matters inside the receptive field of a network with random weights.

    The gradient of one output pixel with respect to the input is averaged, as absolute value, over
    draws of the weights (He's), of the image (standard normal) and of the pixel's place on the grid
    of the pooling. The width is the square root of the number of input pixels that have more than
    4.55 % of the largest gradient, those within two standard deviations if it were a Gaussian (Luo
    et al. 2016, Understanding the effective receptive field in deep convolutional neural networks,
    section 3).

    Parameters
    ----------
    model : a network of :func:`segmill.models.build`; unchanged
    draws : of weights, image and place
    seed : of the draws; torch's global generator stays untouched
    largest : side of the image at most, where the receptive field is larger: of a field that fills
        more of it, the width comes out too small
    """
    field = gradient_field(model, draws, seed, largest)
    return float(np.sqrt(np.count_nonzero(field > SHARE * field.max())))


def gradient_field(
    model: nn.Module, draws: int = 8, seed: int = 0, largest: int = LARGEST_SIDE
) -> np.ndarray:
    """(h, w) float64: mean absolute gradient around an output pixel, which is at (h // 2, w // 2).

    Parameters: see :func:`effective_width`.
    """
    drawn = copy.deepcopy(model).eval().requires_grad_(False)
    channels, outputs = (model.configuration[key] for key in ("in_channels", "out_channels"))
    multiple = model.size_multiple
    least = max((m.least for m in model.modules() if isinstance(m, SizeGuard)), default=1)
    wanted = max(min(receptive_field(model) + multiple, largest), least)
    # At least two periods, so that the middle has every place on the grid of the pooling.
    side = max(next_multiple(wanted, multiple), 2 * multiple)
    total = np.zeros((side, side))
    for draw in range(draws):
        initialise(drawn, torch_seed(seed, "gradient_field/weights", 0, draw))
        rng = generator(seed, "gradient_field", 0, draw)
        image = torch.from_numpy(rng.normal(size=(1, channels, side, side))).float()
        first = side // 2 // multiple * multiple
        row, column = first + rng.integers(multiple, size=2)
        output = drawn(image.requires_grad_())[0, rng.integers(outputs), row, column]
        (gradient,) = torch.autograd.grad(output, image)
        seen = gradient[0].abs().sum(dim=0).numpy().astype(np.float64)
        total += np.roll(seen, (side // 2 - row, side // 2 - column), axis=(0, 1))
    return total / draws


def _narrow(model: nn.Module) -> nn.Module:
    """A network of the same layers with few channels, one input and one output."""
    configuration = model.configuration
    options = dict(configuration["options"])
    for key, few in NARROW.items():
        if key in options:
            value = options[key]
            options[key] = [few] * len(value) if isinstance(value, list) else few
    return build(configuration["name"], 1, 1, **options)


def _measured(narrow: nn.Module) -> float:
    """The measured receptive field; nan where the measurement would take too long."""
    multiple = narrow.size_multiple
    pixels = multiple**2 * receptive_field(narrow)
    if pixels * multiply_adds_per_pixel(narrow) > MOST_MULTIPLY_ADDS:
        return float("nan")
    return measured_receptive_field(narrow)


def _other_sizes(model: nn.Module, least: int) -> str:
    if model.size_multiple == 1:
        return f"below {least} pixels refused"
    return FITTING if least == model.size_multiple else f"{FITTING}; below {least} pixels refused"
