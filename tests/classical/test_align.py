import importlib
import math
from dataclasses import fields

import numpy as np
import pytest

from segmill.classical import align, alignment_row, alignment_tracks
from segmill.classical.align_options import SIDES
from segmill.errors import ConfigError
from segmill.notions import BEAMLINE, unpack
from segmill.random import generator
from segmill.synthetic.beamline import beamline_sweep
from tests.classical.sweeps import AXIS, PIN, SHAPE, STEM, TIP, sweep


@pytest.fixture(scope="module")
def plate():
    return sweep()


def iou(a, b):
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@pytest.mark.parametrize("side", SIDES)
def test_the_sample_is_found_from_every_side(side):
    frames, omega, masks = sweep(side)
    found = align(frames, omega)
    assert not found.failed, found.reason
    assert found.enters_from == side
    assert found.axis == ("horizontal" if side in ("left", "right") else "vertical")
    assert min(iou(found.part_masks(k)["foreground"], masks[k]) for k in range(40)) > 0.97
    ranges = found.parts.ranges
    assert abs(ranges["pin"][1] - PIN) <= 1
    assert abs(ranges["stem"][1] - STEM) <= 5
    assert abs(ranges["loop"][1] - TIP) <= 2
    size = SHAPE[1]
    along = (STEM + TIP) / 2
    along = size - 1 - along if side in ("right", "bottom") else along
    centre = found.centre
    assert centre.axis_position == pytest.approx(AXIS, abs=0.3)
    np.testing.assert_allclose(centre.point[[0, 2]], [6, -4], atol=0.25)
    assert centre.point[1] == pytest.approx(along, abs=3)
    np.testing.assert_allclose(centre.move, [-6, 0, 4], atol=0.8)


def test_measures_and_models_of_a_plate(plate):
    frames, omega, _ = plate
    found = align(frames, omega, mm_per_px=0.002)
    assert found.unit == "um"
    tracks = found.tracks
    assert tracks["used"].all()
    half = np.hypot(24 * np.cos(np.radians(omega)), 8 * np.sin(np.radians(omega)))
    np.testing.assert_allclose(tracks["loop_width"], 2 * (2 * half), atol=5)
    np.testing.assert_allclose(tracks["loop_extreme_along"], 2 * TIP, atol=4)
    np.testing.assert_allclose(tracks["loop_area"], 4 * math.pi * 30 * half, rtol=0.06)
    assert found.models.omega_largest % 180 == pytest.approx(0, abs=1.5) or (
        found.models.omega_largest == pytest.approx(180, abs=1.5)
    )
    assert found.models.omega_least == pytest.approx(90, abs=1.5)
    circle = found.models.circle["centroid"]
    assert circle.r == pytest.approx(2 * math.hypot(6, 4), abs=1)
    assert circle.rms < 1
    np.testing.assert_allclose(1000 * found.centre.point[[0, 2]], [12, -8], atol=1.2)
    assert "slab centroid" in found.models.refused


def test_colour_gives_what_grey_gives(plate):
    frames, omega, _ = plate
    grey = align(frames, omega)
    colour = align(np.repeat(frames[..., None], 3, axis=3), omega)
    np.testing.assert_array_equal(grey.masks.inside, colour.masks.inside)
    np.testing.assert_array_equal(grey.centre.point, colour.centre.point)
    listed = align(list(frames), omega)
    np.testing.assert_array_equal(grey.centre.point, listed.centre.point)


def test_frames_at_rest_and_in_other_light_are_left_out(plate):
    frames, omega, _ = plate
    ramp = (frames[:4] * np.array([0.1, 0.4, 0.7, 0.85])[:, None, None]).astype(np.uint8)
    still = np.repeat(frames[-1:], 5, axis=0)
    longer = np.concatenate([ramp, frames, still])
    angles = np.r_[np.full(4, omega[0]), omega, np.full(5, omega[-1])]
    found = align(longer, angles)
    assert not found.failed, found.reason
    assert not found.used[:3].any()
    assert not found.used[-4:].any()
    assert (found.tracks["left_out"].iloc[-4:] == "does not rotate").all()
    given = align(longer, angles, rotating=np.arange(49) >= 2)
    assert given.tracks["left_out"].iloc[:2].tolist() == ["does not rotate"] * 2
    assert (given.tracks["left_out"].iloc[2:4] == "light differs").all()
    expected = align(frames, omega)
    np.testing.assert_allclose(found.centre.point, expected.centre.point, atol=0.3)


def test_a_poor_background_does_not_matter(plate):
    frames, omega, masks = plate
    rng = generator(1, "poor field")
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    spot = 1 - 0.5 * np.exp(-((rows - 30) ** 2 + (columns - 150) ** 2) / 1800)
    dust = np.ones(SHAPE)
    for row, column in rng.integers(0, SHAPE, (15, 2)):
        dust[row : row + 2, column : column + 2] = 0.5
    poor = np.clip(frames * spot * dust, 0, 255).astype(np.uint8)
    found = align(poor, omega)
    assert not found.failed, found.reason
    assert np.mean([iou(found.part_masks(k)["foreground"], masks[k]) for k in range(40)]) > 0.93
    np.testing.assert_allclose(found.centre.point[[0, 2]], [6, -4], atol=1)
    empty = np.clip(165 * spot * dust, 0, 255).astype(np.uint8)
    given = align(poor, omega, background=empty)
    assert not given.failed, given.reason
    assert np.mean([iou(given.part_masks(k)["foreground"], masks[k]) for k in range(40)]) > 0.93


def test_a_loop_that_is_faint_in_some_frames_is_found_all_the_same(plate, monkeypatch):
    frames, omega, masks = plate
    blurred = frames.copy()
    loop = masks[12:28] & (np.arange(SHAPE[1]) >= STEM + 4)
    blurred[12:28][loop] = np.rint(frames[12:28][loop] * (0.74 / 0.25)).astype(np.uint8)
    found = align(blurred, omega)
    assert not found.failed, found.reason
    np.testing.assert_allclose(found.centre.point[[0, 2]], [6, -4], atol=0.3)
    align_module = importlib.import_module("segmill.classical.align")
    monkeypatch.setattr(align_module, "FAINTER", (1.0,))
    assert "the middle contradicts the others or is not seen" in align(blurred, omega).reason


def noise_only(frames):
    rng = generator(2, "no sample")
    return np.clip(rng.normal(120, 3, frames.shape), 0, 255).astype(np.uint8)


def shifted(frames):
    """The plate leaves at the right of the image."""
    moved = frames[:, :, :120]
    return np.ascontiguousarray(moved)


REFUSED = {
    "empty": (noise_only, {}, "nothing moves"),
    "dark": (np.zeros_like, {}, "the frames are dark"),
    "static": (lambda f: np.repeat(f[:1], len(f), axis=0), {}, "nothing moves"),
    "static with noise": (
        lambda f: np.clip(
            f[:1].astype(float) + generator(3, "static").normal(0, 3, f.shape), 0, 255
        ).astype(np.uint8),
        {},
        "nothing moves",
    ),
    "lamp": (
        lambda f: (f * np.linspace(0.2, 1, len(f))[:, None, None]).astype(np.uint8),
        {},
        "the light is not steady: from 0.3",
    ),
    "leaves": (shifted, {}, "leaves the image in 40"),
    "two sided axis": (lambda f: f, {"axis": "vertical"}, "touches no edge"),
    "too few": (lambda f: f, {"min_frames": 41}, "40 frames rotate, expected at least 41"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_aligned_is_refused(plate, case):
    change, options, reason = REFUSED[case]
    frames, omega, _ = plate
    found = align(change(frames), omega, **options)
    assert found.failed
    assert found.reason
    assert reason in found.reason
    assert found.centre is None
    assert alignment_row(found)["failed"]


@pytest.mark.parametrize(
    ("omega", "reason"),
    [
        (np.full(40, 33.0), "0 frames rotate, expected at least 9"),
        (np.linspace(0, 60, 40), "omega covers 60.0 degrees, expected at least 90"),
    ],
)
def test_too_little_rotation_is_refused(plate, omega, reason):
    found = align(plate[0], omega)
    assert (found.failed, found.reason) == (True, reason)


def test_a_round_pin_alone_is_refused():
    omega = np.linspace(0, 360, 40, endpoint=False)
    wobble = np.round(3 * np.cos(np.radians(omega))).astype(int)
    pins = np.full((40, 160, 200), 150, np.uint8)
    for k, step in enumerate(wobble):
        pins[k, 40 + step : 120 + step, :60] = 40
    found = align(pins, omega)
    assert found.failed
    assert "pin" in found.reason


def test_wrong_input_is_named_at_once(plate):
    frames, omega, _ = plate
    with pytest.raises(ValueError, match=r"frames: expected .* found .* float64; omega: expected"):
        align(frames.astype(float), omega[:3])
    with pytest.raises(ValueError, match=r"omega: not finite at frames \[2\]"):
        align(frames, np.where(np.arange(40) == 2, np.nan, omega))
    with pytest.raises(ValueError, match="rotating: expected"):
        align(frames, omega, rotating=np.ones(3, bool))
    with pytest.raises(ValueError, match="background: expected"):
        align(frames, omega, background=np.zeros((3, 3), np.uint8))
    with pytest.raises(ConfigError, match="did you mean closing"):
        align(frames, omega, closin=2)
    with pytest.raises(ConfigError, match=r"with a horizontal axis expected left or right"):
        align(frames, omega, axis="horizontal", enters_from="top")
    with pytest.raises(ConfigError, match=r"n_low: expected at most n_high"):
        align(frames, omega, n_low=1.4)


def test_tables_of_an_alignment(plate):
    frames, omega, _ = plate
    found = align(frames, omega, mm_per_px=0.002)
    row = alignment_row(found)
    assert row["frames"] == row["used"] == 40
    assert row["centre_across"] == pytest.approx(1000 * found.centre.point[0])
    circle = found.models.circle["centroid"]
    assert row["circle_centroid_alpha"] == pytest.approx(math.degrees(circle.alpha))
    assert row["circle_centroid_rms"] == circle.rms
    assert row["projection_area_r_uncertainty"] == found.models.projection["area"].uncertainty["r"]
    assert "slab centroid: front, back and beta are not determined" in row["refused"]
    tracks = alignment_tracks(found)
    np.testing.assert_allclose(
        tracks["loop_centroid_across"] - tracks["circle_centroid"], circle.residuals, atol=1e-9
    )
    assert not {f.name for f in fields(found.models)} & set(tracks)


def test_synthetic_sweeps_are_found_or_refused():
    """Images with refraction, defocus and dust: outlines agree, empty scenes are refused."""
    scores = []
    for index in (2, 3, 10, 16, 17):
        samples = beamline_sweep(5, index, frames=24, height=128, width=160, defocus=0.0)
        notes = samples[0].notes
        found = align([s.image for s in samples], np.array([s.notes["omega"] for s in samples]))
        assert found.masks is not None, found.reason
        assert found.enters_from == notes["enters_from"]
        truth = [unpack(s.notions, 8)[..., BEAMLINE.index("foreground")] for s in samples]
        scores.append(
            np.mean([iou(found.part_masks(k)["foreground"], t) for k, t in enumerate(truth)])
        )
    assert np.median(scores) > 0.75, scores
    nothing = {"blank": 1, "no_loop": 0, "capillary": 0}
    for index in range(3):
        samples = beamline_sweep(5, index, frames=12, height=128, width=160, **nothing)
        found = align([s.image for s in samples], np.array([s.notes["omega"] for s in samples]))
        assert found.failed
        assert "nothing moves" in found.reason


def test_vibration_is_no_rotation(plate):
    frames, omega, _ = plate
    steps = generator(4, "vibration").integers(0, 2, 40)
    shaken = np.stack([np.roll(frames[0], step, axis=0) for step in steps])
    found = align(shaken, omega, min_change=0.1)
    assert found.failed
    assert "stands still" in found.reason
