import cv2
import numpy as np
import pytest
import yaml

from segmill.clicks import heat_map, most_likely_click
from segmill.errors import ConfigError
from segmill.notions import BEAMLINE, unpack
from segmill.synthetic import BeamlineOptions, beamline_sweep, beamline_tracks
from segmill.synthetic.beamline import beamline_options, render_frame
from segmill.synthetic.beamline.geometry import slab_shift
from segmill.synthetic.beamline.lamp import draw_field
from segmill.synthetic.beamline.optics import blur, defocus, record

SMALL = {"height": 72, "width": 88, "frames": 3}
MOUNTED = {"no_loop": 0, "blank": 0, "capillary": 0, "empty_loop": 0}
PLAIN = {"noise": 0, "ice": 0, "offset": 0.1}


def masks(sample):
    return dict(zip(BEAMLINE, np.moveaxis(unpack(sample.notions, 8), 2, 0), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_keeps_the_contract(seed):
    sweep = beamline_sweep(seed, **SMALL)
    assert len(sweep) == 3
    for sample in sweep:
        sample.check("sample")
        assert sample.image.shape == (72, 88, 3)
        assert sample.target.shape == (72, 88, 1)
        assert np.isfinite(sample.target).all()
        named = masks(sample)
        foreground = named.pop("foreground")
        np.testing.assert_array_equal(foreground, np.any([*named.values()], axis=0))
        assert not (named["loop_inside"] & ~named["loop"]).any()
    first = sweep[0].notes
    steps = [(sample.notes["omega"] - first["omega"]) for sample in sweep]
    assert steps == pytest.approx([0, 120, 240])
    for key in first.keys() - {"omega", "click_row", "click_column"}:
        values = {str(sample.notes[key]) for sample in sweep}
        assert len(values) == 1


def test_frames_are_decided_by_seed_scene_and_frame():
    sweep = beamline_sweep(5, 2, **SMALL)
    options = beamline_options(**SMALL)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        for frame in (2, 0, 1):
            render_frame(5, 3, frame, options)
            again = render_frame(5, 2, frame, options)
            for name, array in sweep[frame].arrays().items():
                np.testing.assert_array_equal(array, again.arrays()[name])
    finally:
        cv2.setNumThreads(threads)
    assert not np.array_equal(sweep[0].image, beamline_sweep(5, 1, **SMALL)[0].image)
    assert not np.array_equal(sweep[0].image, beamline_sweep(6, 2, **SMALL)[0].image)
    more = beamline_sweep(5, 2, **{**SMALL, "frames": 6})
    np.testing.assert_array_equal(sweep[0].image, more[0].image)
    np.testing.assert_array_equal(sweep[1].notions, more[2].notions)


@pytest.mark.parametrize("index", range(4))
def test_orientations_show_the_same_sample(index):
    square = {"height": 80, "width": 80, "frames": 2}
    images, notions, targets = {}, {}, {}
    for side in ("left", "right", "top", "bottom"):
        sample = beamline_sweep(8, index, enters_from=[side], **square)[1]
        images[side], notions[side] = sample.image, sample.notions
        targets[side] = sample.target[..., 0]
        assert sample.notes["enters_from"] == side
        assert sample.notes["axis"] == ("horizontal" if side in ("left", "right") else "vertical")
    for seen in (images, notions, targets):
        left = seen["left"]
        np.testing.assert_array_equal(seen["right"], left[:, ::-1])
        np.testing.assert_array_equal(seen["top"], np.swapaxes(left, 0, 1))
        np.testing.assert_array_equal(seen["bottom"], np.swapaxes(left, 0, 1)[::-1])


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_the_sample_enters_from_its_side(side):
    options = {**MOUNTED, "zooms": [1], "enters_from": [side], "height": 96, "width": 128}
    options |= {"loop_size": [0.1, 0.2], "ice": 0}
    edges = {
        "left": np.s_[:, 0],
        "right": np.s_[:, -1],
        "top": np.s_[0],
        "bottom": np.s_[-1],
    }
    for index in range(6):
        foreground = masks(beamline_sweep(4, index, frames=1, **options)[0])["foreground"]
        for name, edge in edges.items():
            if name == side:
                assert foreground[edge].any()
            elif {name, side} in ({"left", "right"}, {"top", "bottom"}):
                assert not foreground[edge].any()


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("index", [0, 1])
def test_clicks_and_tracks_follow_the_notes(side, index):
    options = {**MOUNTED, **SMALL, "frames": 16, "no_medium": 0, "enters_from": [side]}
    sweep, tracks = beamline_sweep(9, index, **options), beamline_tracks(9, index, **options)
    notes = sweep[0].notes
    omega = np.deg2rad(tracks["omega"].to_numpy())
    across = notes["centre_x_mm"] * np.cos(omega) + notes["centre_y_mm"] * np.sin(omega)
    shift = slab_shift(
        omega - np.deg2rad(notes["slab_beta"]),
        notes["slab_n"],
        notes["slab_front_mm"],
        notes["slab_back_mm"],
    )
    assert notes["slab_front_mm"] > 0
    assert notes["slab_back_mm"] > 0
    assert np.ptp(shift) > 0
    moving, still = ("row", "column") if side in ("left", "right") else ("column", "row")
    expected = notes["axis_px"] + (across - shift) / notes["mm_per_px"]
    np.testing.assert_allclose(tracks[moving], expected, atol=1e-9)
    expected = notes["along_origin_px"] + notes["centre_along_mm"] / notes["mm_per_px"]
    np.testing.assert_allclose(tracks[still], expected, atol=1e-9)
    np.testing.assert_allclose(tracks["across"], tracks["circle"] - tracks["shift"])
    for sample, (row, column) in zip(sweep, tracks[["row", "column"]].to_numpy(), strict=True):
        click = (sample.notes["click_row"], sample.notes["click_column"])
        if np.isnan(click[0]):
            assert not (0 <= row <= 71 and 0 <= column <= 87)
            assert not sample.target.any()
            continue
        assert click == pytest.approx((row, column))
        heat = heat_map((72, 88), (row, column), BeamlineOptions().click_sigma / notes["mm_per_px"])
        np.testing.assert_allclose(sample.target[..., 0], heat, atol=1e-3)
        assert most_likely_click(sample.target[..., 0].astype(np.float32)) == pytest.approx(
            (row, column), abs=1
        )


@pytest.mark.parametrize("index", range(5))
def test_the_click_lies_on_the_crystal(index):
    options = {**MOUNTED, **PLAIN, "zooms": [5], "height": 160, "width": 200}
    for sample in beamline_sweep(10, index, frames=3, **options):
        row, column = sample.notes["click_row"], sample.notes["click_column"]
        crystal = masks(sample)["crystal"]
        around = crystal[max(0, round(row) - 1) :, max(0, round(column) - 1) :][:3, :3]
        # Seen along the faces of the medium a crystal shrinks to a line.
        assert around.any() or crystal.sum() < 12
        assert sample.notes["clicked"] == "crystal"


def test_kinds_follow_the_options():
    def one(index=0, **options):
        return beamline_sweep(12, index, frames=1, zooms=[1], height=72, width=88, **options)[0]

    blank = one(blank=1, no_loop=0, capillary=0)
    assert not blank.notions.any()
    frozen = 0
    for index in range(5):
        bare = one(index, no_loop=1, blank=0, capillary=0, ice=0)
        assert not any(masks(bare)[name].any() for name in ("loop", "loop_inside", "crystal"))
        assert masks(bare)["pin"].any()
        tube = one(index, capillary=1, blank=0, no_loop=0, ice=0)
        assert masks(tube)["capillary"].any()
        assert not masks(tube)["loop"].any()
        empty = one(index, empty_loop=1, blank=0, no_loop=0, capillary=0)
        assert empty.notes["clicked"] == "loop"
        assert not masks(empty)["crystal"].any()
        assert empty.notes["slab_front_mm"] == empty.notes["slab_back_mm"] == 0
        frozen += masks(one(index, ice=1, blank=0, no_loop=0, capillary=0))["ice"].any()
        clear = one(index, ice=0, blank=0, no_loop=0, capillary=0)
        assert not masks(clear)["ice"].any()
        assert masks(clear)["loop"].any()
    assert frozen >= 3
    for sample in (blank, bare):
        assert sample.notes["clicked"] == "nothing"
        assert np.isnan([sample.notes["click_row"], sample.notes["centre_along_mm"]]).all()
        assert not sample.target.any()


def test_calibration_is_a_geometric_series():
    options = BeamlineOptions(height=100, field_zoom1=2.0, field_zoom10=0.2)
    scales = [options.mm_per_px(zoom) for zoom in range(1, 11)]
    assert scales[0] == pytest.approx(0.02)
    assert scales[-1] == pytest.approx(0.002)
    assert np.ptp(np.diff(np.log(scales))) < 1e-12
    sample = beamline_sweep(1, height=100, width=60, frames=1, zooms=[7])[0]
    assert sample.notes["zoom"] == 7
    assert sample.notes["mm_per_px"] == pytest.approx(BeamlineOptions(height=100).mm_per_px(7))


def test_metal_is_dark_and_the_empty_field_as_drawn():
    options = {"frames": 1, "zooms": [2], "height": 96, "width": 128, **PLAIN}
    for index in range(4):
        sample = beamline_sweep(14, index, no_loop=1, blank=0, capillary=0, **options)[0]
        empty = beamline_sweep(14, index, no_loop=0, blank=1, capillary=0, **options)[0]
        named = masks(sample)
        far = cv2.dilate(named["foreground"].astype(np.uint8), np.ones((25, 25))) == 0
        np.testing.assert_array_equal(sample.image[far], empty.image[far])
        inside = cv2.erode(named["pin"].astype(np.uint8), np.ones((15, 15))) > 0
        dark = np.median(sample.image[inside]) / np.median(empty.image[inside])
        assert dark < 0.1


def test_fibres_have_dark_outlines_and_a_bright_core():
    options = {**MOUNTED, **PLAIN, "zooms": [9], "kapton": 0, "no_medium": 1, "aperture": 0}
    options |= {"empty_loop": 1, "loop_size": [0.12, 0.13], "height": 300, "width": 300}
    found = 0
    for index in range(8):
        sample = beamline_sweep(15, index, frames=1, **options)[0]
        loop, inside = masks(sample)["loop"], masks(sample)["loop_inside"]
        fibre = (loop & ~inside).astype(np.uint8)
        depth = cv2.distanceTransform(fibre, cv2.DIST_L2, 5)
        if depth.max() < 5:
            continue
        grey = sample.image[..., 1].astype(float)
        core = grey[depth > 0.9 * depth.max()].mean()
        outline = grey[(depth > 0.15 * depth.max()) & (depth < 0.5 * depth.max())].mean()
        found += core > 1.2 * outline
    assert found >= 3


def test_defocus_blurs():
    rng = np.random.default_rng(0)
    image = rng.random((64, 80), dtype=np.float32)
    np.testing.assert_array_equal(blur(image, 0.1), image)
    step = np.zeros((128, 160), np.float32)
    step[:, 80:] = 1
    for sigma in (2.0, 9.0, 25.0):
        edge = np.diff(blur(step, sigma)[64])
        place = np.arange(159)
        spread = np.sqrt((edge * (place - (edge * place).sum() / edge.sum()) ** 2).sum())
        assert spread == pytest.approx(sigma, rel=0.12)
    sigmas = np.tile(np.linspace(1, 6, 80, dtype=np.float32), (64, 1))
    mixed = defocus(image, sigmas)
    np.testing.assert_allclose(mixed[:, 0], blur(image, 1.0)[:, 0], atol=1e-6)
    np.testing.assert_allclose(mixed[:, -1], blur(image, 6.0)[:, -1], atol=1e-6)


def test_noise_has_the_stated_variance():
    rng = np.random.default_rng(0)
    for level in (20.0, 150.0):
        image = record(rng, np.full((200, 200, 3), level, np.float32), 3.0).astype(float)
        expected = 9 * (0.4 + 0.018 * level)
        assert image.mean() == pytest.approx(level, abs=0.1)
        # Rounding to whole grey levels adds 1/12.
        assert image.var() == pytest.approx(expected + 1 / 12, rel=0.05)
    assert record(rng, np.full((2, 2, 3), 400, np.float32), 0).min() == 255


def test_drawn_fields_are_dark_around_a_wide_field_only():
    wide = [draw_field(np.random.default_rng(i), (64, 80), 2.6 / 64) for i in range(6)]
    narrow = [draw_field(np.random.default_rng(i), (64, 80), 0.2 / 64) for i in range(6)]
    for near, far in zip(narrow, wide, strict=True):
        assert far[0, 0].sum() < 0.3 * far[32, 40].sum()
        assert near[0, 0].sum() > 0.4 * near[32, 40].sum()


@pytest.mark.parametrize("side", ["left", "bottom"])
def test_backgrounds_come_from_a_folder_by_zoom(tmp_path, side):
    ramp = np.broadcast_to(np.linspace(0, 200, 30)[:, None, None], (30, 60, 3))
    for zoom, colour in ((2, (10, 20, 30)), (9, (90, 80, 70))):
        cv2.imwrite(str(tmp_path / f"old_zoom_{zoom}.png"), np.full((30, 50, 3), colour, np.uint8))
    cv2.imwrite(str(tmp_path / "ramp_zoom_5.png"), ramp.astype(np.uint8))
    options = {"blank": 1, "no_loop": 0, "capillary": 0, "noise": 0, "frames": 1}
    options |= {"height": 40, "width": 60, "enters_from": [side], "backgrounds": str(tmp_path)}
    for zoom, colour in ((1, (30, 20, 10)), (3, (30, 20, 10)), (10, (70, 80, 90))):
        image = beamline_sweep(1, zooms=[zoom], **options)[0].image
        assert (image == np.array(colour)).all()
    # A file shows the camera's image: it is not turned with the sample.
    rows = beamline_sweep(1, zooms=[5], **options)[0].image[..., 0].astype(int)
    assert (np.diff(rows, axis=0) >= 0).all()
    assert np.ptp(rows, axis=1).max() <= 1
    assert np.ptp(rows) > 150


def test_bad_backgrounds_are_named(tmp_path):
    with pytest.raises(ConfigError, match="backgrounds: expected a folder, found 'nowhere'"):
        beamline_sweep(1, backgrounds="nowhere")
    with pytest.raises(ConfigError, match="zoom_N"):
        beamline_sweep(1, backgrounds=str(tmp_path), **SMALL)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "zoom_3.jpg").write_text("no image")
    with pytest.raises(ConfigError, match=r"zoom_3\.jpg"):
        beamline_sweep(1, backgrounds=str(tmp_path / "bad"), **SMALL)


def test_wrong_options_are_named_at_once():
    with pytest.raises(ConfigError) as error:
        beamline_sweep(1, hight=3, zooms=[11], enters_from=["above"], ice=2, frames="many")
    for part in ("did you mean height", "zooms: ", "enters_from: ", "ice: ", "frames: "):
        assert part in str(error.value)
    with pytest.raises(ConfigError) as error:
        beamline_sweep(
            1, zooms=[], thickness=[0.2, 0.1], n_medium=[1.3], blank=0.6, capillary=0.5,
            field_zoom1=0.1,
        )  # fmt: skip
    for part in ("zooms: ", "thickness: ", "n_medium: ", "shares", "field_zoom10: "):
        assert part in str(error.value)


def test_a_sweep_without_medium_moves_on_a_circle():
    for index in range(6):
        tracks = beamline_tracks(3, index, frames=24, no_medium=1, **MOUNTED)
        omega = np.deg2rad(tracks["omega"].to_numpy())
        design = np.stack([np.ones(24), np.cos(omega), np.sin(omega)], 1)
        rest = np.linalg.lstsq(design, tracks["across"].to_numpy(), rcond=None)[1]
        assert rest == pytest.approx(0, abs=1e-20)
        assert (tracks["shift"] == 0).all()


def test_options_survive_yaml():
    options = yaml.safe_load("{frames: 2, height: 64, width: 80, omega_start: 10, zooms: [3]}")
    sweep = beamline_sweep(1, **options)
    assert [sample.notes["omega"] for sample in sweep] == [10, 190]
