"""Synthetic microscopy of cells with perfect instance truth."""

import numpy as np

from segmill.errors import ConfigError
from segmill.labels import cell_border
from segmill.options import build_options
from segmill.random import generator
from segmill.samples import Sample
from segmill.synthetic import fluorescent, phase_contrast

MODALITIES = {
    "fluorescent": (fluorescent.FluorescentOptions, fluorescent.render),
    "phase_contrast": (phase_contrast.PhaseContrastOptions, phase_contrast.render),
}
CLASSES = ("background", "cell", "border")


def cell_options(modality: str = "fluorescent", **options):
    """The options of a modality, checked: FluorescentOptions or PhaseContrastOptions.

    Raises
    ------
    ConfigError
        naming every unknown option and every value out of range, with the legal ones.
    """
    if modality not in MODALITIES:
        known = ", ".join(MODALITIES)
        raise ConfigError(
            f"modality of synthetic cells: expected one of {known}, found {modality!r}"
        )
    return build_options(MODALITIES[modality][0], options, f"options of {modality} synthetic cells")


def cells(
    seed: int, index: int = 0, modality: str = "fluorescent", border_width: float = 2, **options
) -> Sample:
    """One synthetic field of cells with perfect instances.

    The instance of a cell is its visible body before blur: pixels that an upper cell hides belong
    to that one. Each instance is one 4-connected region, ids are 1 .. n without gaps, and no
    visible region is smaller than `min_visible_um2`. Debris, haze and bodies far out of focus are
    background.

    Parameters
    ----------
    seed : of the data set
    index : of the sample; together with the seed it decides every random draw
    modality : ``"fluorescent"`` (nuclei) or ``"phase_contrast"`` (adherent and round cells)
    border_width : width in pixels of the class border, inside each cell
    options : fields of :class:`~segmill.synthetic.fluorescent.FluorescentOptions` or
        :class:`~segmill.synthetic.phase_contrast.PhaseContrastOptions`

    Returns
    -------
    Sample
        image (h, w, 1) uint8 or uint16; instances (h, w) int32; semantic (h, w) uint8 with classes
        background, cell, border; notes ``cells`` (number of instances) and ``touching`` (how many
        of them touch another one).

    Raises
    ------
    ConfigError
        for unknown options and values out of range, all at once.

    Examples
    --------
    >>> sample = cells(1, height=64, width=96, density_per_mm2=2000)
    >>> sample.image.shape, sample.image.dtype.name, bool(sample.instances.any())
    ((64, 96, 1), 'uint16', True)
    """
    settings = cell_options(modality, **options)
    return render_cells(seed, index, modality, settings, border_width)


def render_cells(seed: int, index: int, modality: str, settings, border_width: float) -> Sample:
    """As :func:`cells`, with options already checked by :func:`cell_options`."""
    image, field = MODALITIES[modality][1](generator(seed, "synthesize", index), settings)
    instances = np.ascontiguousarray(field.crop(field.labels))
    return Sample(
        image=image[..., None],
        semantic=cell_border(instances, border_width),
        instances=instances,
        notes={"cells": len(field.bodies), "touching": _touching(instances)},
    )


def _touching(instances: np.ndarray) -> int:
    """How many instances have a 4-neighbour pixel of another instance."""
    touching: set[int] = set()
    for first, second in (
        (instances[1:], instances[:-1]),
        (instances[:, 1:], instances[:, :-1]),
    ):
        contact = (first != second) & (first > 0) & (second > 0)
        touching.update(first[contact].tolist(), second[contact].tolist())
    return len(touching)
