import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.errors import ConfigError
from segmill.labels import cell_border
from segmill.synthetic import FluorescentOptions, PhaseContrastOptions, cells

MODALITIES = ("fluorescent", "phase_contrast")
SMALL = {"height": 96, "width": 112}


def many(n, modality="fluorescent", **options):
    return [cells(5, i, modality, **{"height": 160, "width": 160, **options}) for i in range(n)]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_sample_is_decided_by_seed_and_index(modality):
    first, again = (cells(7, 3, modality, **SMALL) for _ in range(2))
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        np.testing.assert_array_equal(first.image, cells(7, 3, modality, **SMALL).image)
    finally:
        cv2.setNumThreads(threads)
    assert not np.array_equal(first.image, cells(7, 4, modality, **SMALL).image)
    assert not np.array_equal(first.image, cells(8, 3, modality, **SMALL).image)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    modality=st.sampled_from(MODALITIES),
    clustered=st.floats(0, 1),
    max_overlap=st.floats(0, 0.5),
    height=st.integers(48, 120),
    width=st.integers(48, 120),
    pixel_size_um=st.floats(0.6, 1.5),
)
def test_instances_are_whole_consecutive_and_visible(seed, modality, **options):
    sample = cells(seed, modality=modality, min_visible_um2=30, **options)
    sample.check("sample")
    ids = np.unique(sample.instances)
    ids = ids[ids > 0]
    assert ids.tolist() == list(range(1, sample.notes["cells"] + 1))
    for label in ids:
        own = sample.instances == label
        assert ndimage.label(own)[1] == 1
        assert own.sum() >= np.floor(30 / options["pixel_size_um"] ** 2)
    np.testing.assert_array_equal(sample.semantic, cell_border(sample.instances, 2))


def test_density_and_size_follow_the_options():
    few, dense = (
        np.mean([s.notes["cells"] for s in many(12, density_per_mm2=d, density_spread=0)])
        for d in (400, 1200)
    )
    assert 2 < dense / few < 4
    areas = []
    options = {"clustered": 0, "condensed": 0, "diameter_um": 15.0, "pixel_size_um": 0.5}
    for sample in many(12, **options):
        inner = sample.instances.copy()
        for edge in (inner[0], inner[-1], inner[:, 0], inner[:, -1]):
            inner[np.isin(inner, edge[edge > 0])] = 0
        areas += np.bincount(inner.ravel())[1:].tolist()
    areas = np.array([a for a in areas if a])
    # The median of a log-normal diameter; whole cells are a little smaller than all cells.
    assert np.median(np.sqrt(4 * areas / np.pi)) * 0.5 == pytest.approx(15, rel=0.08)


def test_touching_cells_follow_the_options():
    apart = sum(s.notes["touching"] for s in many(6, clustered=0))
    touching = sum(s.notes["touching"] for s in many(6, clustered=0.7))
    total = sum(s.notes["cells"] for s in many(6, clustered=0.7))
    assert apart == 0
    assert touching > 0.4 * total


def test_overlap_adds_light_to_the_upper_cell():
    options = {"clustered": 0.9, "max_overlap": 0.5, "brightness_spread": 0, "texture": 0}
    plain = {"condensed": 0, "defocused": 0, "nucleoli": 0, "haze": 0, "vignetting": 0}
    more = {"debris_per_mm2": 0, "smears_per_mm2": 0, "illumination_gradient": 0, "psf_um": 0}
    sample = cells(3, brightness_variation=0, **options, **plain, **more)
    background = sample.image[sample.instances == 0].mean()
    inside = sample.image[sample.instances > 0] - background
    assert np.percentile(inside, 99.5) > 1.6 * np.median(inside)


@pytest.mark.parametrize("modality", MODALITIES)
def test_cells_stand_out_and_the_background_is_as_configured(modality):
    quiet = {"debris_per_mm2": 0, "vignetting": 0, "illumination_gradient": 0}
    sample = many(1, modality, **quiet)[0]
    image = sample.image[..., 0].astype(float)
    far = ndimage.distance_transform_edt(sample.instances == 0) > 12
    options = FluorescentOptions() if modality == "fluorescent" else PhaseContrastOptions()
    empty = options.offset + options.gain * options.background
    if modality == "fluorescent":
        assert image[sample.instances > 0].mean() > image[far].mean() + 100
        assert np.percentile(image[far], 5) == pytest.approx(empty, rel=0.1)
    else:
        assert image[sample.instances > 0].std() > 4 * image[far].std()
        assert np.median(image[far]) == pytest.approx(empty, rel=0.05)


def test_bit_depth_decides_the_dtype():
    assert cells(1, bit_depth=8, gain=0.2, offset=5, **SMALL).image.dtype == np.uint8
    assert cells(1, bit_depth=12, **SMALL).image.max() <= 4095


def test_an_empty_field_is_legal():
    sample = cells(1, density_per_mm2=0, min_cells=0, **SMALL)
    assert sample.notes == {"cells": 0, "touching": 0}
    assert not sample.instances.any()
    assert not sample.semantic.any()


def test_wrong_options_are_named_at_once():
    with pytest.raises(ConfigError) as error:
        cells(1, heigth=10, gain=-1, bit_depth=20, clustered="half")
    for part in ("heigth: unknown option; did you mean height", "gain: ", "bit_depth: ", "half"):
        assert part in str(error.value)
    with pytest.raises(ConfigError, match="expected one of fluorescent, phase_contrast"):
        cells(1, modality="brightfield")
