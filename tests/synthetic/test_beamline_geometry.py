from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.notions import BEAMLINE
from segmill.synthetic.beamline import beamline_options, render_frame
from segmill.synthetic.beamline.gauge import convex_gauge
from segmill.synthetic.beamline.geometry import (
    SIDES,
    Slab,
    View,
    slab_shift,
    turn,
    turn_back,
    turn_point,
)
from segmill.synthetic.beamline.scene import draw_scene
from segmill.synthetic.beamline.shapes import Area, Drop, Fibres, Polyhedron

RNG = np.random.default_rng(11)
ANGLES = st.floats(-np.pi, np.pi)


def refracted_across(point, omega, n, face_point, normal):
    """Where a camera sees a point below a plane face, across the axis: by tracing the ray.

    `normal` is the outward normal of the face and `face_point` on it, in the sample frame (x, y).
    """
    turn_in = np.array([[np.cos(omega), np.sin(omega)], [-np.sin(omega), np.cos(omega)]])
    point, face_point, normal = (turn_in @ v for v in (point, face_point, normal))
    # From the camera a ray enters along -depth; Snell's law in vector form gives it in the medium.
    incoming = np.array([0.0, -1.0])
    cosine = -incoming @ normal
    ratio = 1 / n
    inside = ratio * incoming + (ratio * cosine - np.sqrt(1 - ratio**2 * (1 - cosine**2))) * normal
    # Back from the point to the face, then straight on to the camera.
    way = ((face_point - point) @ normal) / (-inside @ normal)
    return (point - way * inside)[0]


@settings(max_examples=200, deadline=None)
@given(
    omega=ANGLES,
    beta=ANGLES,
    n=st.floats(1.0, 1.6),
    front=st.floats(0, 0.1),
    back=st.floats(0, 0.1),
    x=st.floats(-0.3, 0.3),
    y=st.floats(-0.3, 0.3),
)
def test_the_slab_refracts_as_snell_says(omega, beta, n, front, back, x, y):
    turned = (omega - beta + np.pi) % (2 * np.pi) - np.pi
    if abs(abs(turned) - np.pi / 2) < 1e-3:
        return
    outward = np.array([-np.sin(beta), np.cos(beta)])
    point = np.array([x, y])
    if abs(turned) < np.pi / 2:
        expected = refracted_across(point, omega, n, point + front * outward, outward)
    else:
        expected = refracted_across(point, omega, n, point - back * outward, -outward)
    circle = x * np.cos(omega) + y * np.sin(omega)
    assert circle - slab_shift(omega - beta, n, front, back) == pytest.approx(expected, abs=1e-12)
    view = View(omega, 1.0, 0.0, 0.0, (9, 9), np.array([0, x, y]), Slab(n, front, back, beta))
    assert view.project(np.array([0, x, y]), in_medium=True)[0, 1] == pytest.approx(expected)
    # Another point of the medium has depths of its own below the same faces.
    other = point + 0.01 * outward + 0.02 * np.array([outward[1], -outward[0]])
    if abs(turned) < np.pi / 2:
        expected = refracted_across(other, omega, n, point + front * outward, outward)
    else:
        expected = refracted_across(other, omega, n, point - back * outward, -outward)
    found = view.project(np.array([0.1, *other]), in_medium=True)[0]
    assert found[1] == pytest.approx(expected, abs=1e-9)
    assert found[0] == pytest.approx(0.1)


def test_a_slab_of_air_or_of_no_thickness_changes_nothing():
    angles = np.linspace(-10, 10, 101)
    np.testing.assert_allclose(slab_shift(angles, 1.0, 0.1, 0.2), 0, atol=1e-12)
    np.testing.assert_array_equal(slab_shift(angles, 1.33, 0.0, 0.0), 0)


@pytest.mark.parametrize("side", SIDES)
def test_turning_an_image_turns_its_points(side):
    image = RNG.integers(0, 255, (7, 11))
    seen = turn(image, side)
    np.testing.assert_array_equal(turn_back(seen, side), image)
    for row, column in np.ndindex(*image.shape):
        assert seen[turn_point(row, column, image.shape, side)] == image[row, column]
    # The direction across the axis is never mirrored.
    across = turn(np.arange(7)[:, None] + np.zeros((1, 11)), side)
    along = across if side in ("left", "right") else across.T
    assert (np.diff(along, axis=0) > 0).all()


def points_in(shape, mm_per_px, count=60000):
    """Random points (m, 3) in a shape, and which of them lie where it is thicker than 2 pixels."""
    rng = np.random.default_rng(3)
    if isinstance(shape, Fibres):
        pick = rng.integers(len(shape.starts), size=count)
        share = rng.random((count, 1))
        middle = shape.starts[pick] * (1 - share) + shape.ends[pick] * share
        radii = shape.radii[pick, :1] * (1 - share) + shape.radii[pick, 1:] * share
        away = rng.standard_normal((count, 3))
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        points = middle + away * radii * rng.random((count, 1)) ** (1 / 6)
        return points, radii[:, 0] > mm_per_px
    corners = shape.vertices if isinstance(shape, Polyhedron) else shape.points
    weights = rng.dirichlet(np.full(3, 0.7), count)
    picked = corners[rng.integers(len(corners), size=(count, 3))]
    return np.einsum("ij,ijk->ik", weights, picked), np.full(count, True)


def covered(points, view, in_medium):
    """Pixels (h, w) bool that hold a projected point, by the formulas written out."""
    along, x, y = points.T
    across = x * np.cos(view.omega) + y * np.sin(view.omega)
    if in_medium:
        slab = view.slab
        normal = np.array([-np.sin(slab.beta), np.cos(slab.beta)])
        height = (points[:, 1:] - view.centre[1:]) @ normal
        t = np.angle(np.exp(1j * (view.omega - slab.beta)))
        i = np.arcsin(np.sin(t) / slab.n)
        if abs(t) < np.pi / 2:
            across = across + (slab.front - height) * np.sin(t - i) / np.cos(i)
        else:
            across = across + (slab.back + height) * np.sin(-t - i) / np.cos(i)
    rows = np.rint(view.axis_px + across / view.mm_per_px).astype(int)
    columns = np.rint(view.origin_px + along / view.mm_per_px).astype(int)
    inside = (rows >= 0) & (rows < view.shape[0]) & (columns >= 0) & (columns < view.shape[1])
    mask = np.zeros(view.shape, np.uint8)
    mask[rows[inside], columns[inside]] = 1
    return mask


def grown(mask, by):
    """The mask and the pixels up to `by` rows and columns away."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1))).astype(bool)


def is_thin(mask):
    """Whether a projection is hardly more than a line, whose tips hold no centre of a pixel."""
    _, (first, second), _ = cv2.minAreaRect(cv2.findNonZero(mask))
    return min(first, second) < 24


@pytest.mark.parametrize("index", range(8))
def test_projections_equal_those_of_points(index):
    options = beamline_options(
        frames=4, height=100, width=120, zooms=[4 + index % 4], ice=1.0, no_loop=0, blank=0,
        empty_loop=0, capillary=0.1, offset=0.1, crystal_size=[0.08, 0.2], loop_size=[0.2, 0.6],
    )  # fmt: skip
    scene = draw_scene(2, index, options)
    checked = set()
    for part in scene.parts:
        if part.notions == ("pin",):  # 20 mm long: almost all of its points lie outside the image
            continue
        points, is_thick = points_in(part.shape, scene.mm_per_px)
        in_medium = getattr(part.shape, "in_medium", False)
        for frame in range(options.frames):
            view = scene.view(frame)
            found = whole_mask(part.shape, view)
            assert not (found & ~grown(covered(points, view, in_medium), 2)).any()
            # Whether every point is covered shows on a finer grid, where tips are not lost.
            view = replace(
                view,
                mm_per_px=view.mm_per_px / 6,
                axis_px=view.axis_px * 6,
                origin_px=view.origin_px * 6,
                shape=(view.shape[0] * 6, view.shape[1] * 6),
            )
            thick = covered(points[is_thick], view, in_medium)
            if not thick.any() or (not isinstance(part.shape, Fibres) and is_thin(thick)):
                continue
            assert not (thick & ~grown(whole_mask(part.shape, view), 3)).any()
            checked |= {*part.notions}
    assert {"crystal", "loop", "loop_inside"} <= checked or scene.kind == "capillary"


def whole_mask(shape, view):
    layer, mask = shape.layer(view), np.zeros(view.shape, bool)
    if layer is not None:
        mask[layer.window] = layer.mask
        assert (layer.thickness[~layer.mask] == 0).all()
    return mask


@pytest.mark.parametrize("index", range(5))
def test_notions_are_the_union_of_their_projected_parts(index):
    options = beamline_options(frames=3, height=96, width=112, zooms=[1, 2, 4], ice=0.8)
    scene = draw_scene(3, index, options)
    shown = set()
    for frame in range(3):
        sample, view = render_frame(3, index, frame, options), scene.view(frame)
        bits = turn_back(sample.notions, scene.enters_from)
        areas = {name: np.zeros(view.shape, bool) for name in BEAMLINE}
        pin = np.zeros(view.shape, bool)
        fibre = np.zeros(view.shape, bool)
        for part in scene.parts:
            layer = part.shape.layer(view)
            if layer is None:
                continue
            for name in part.notions:
                areas[name][layer.window] |= layer.mask
            if "pin" in part.notions:
                pin[layer.window] |= layer.mask
            if part.notions == ("loop",) and isinstance(part.shape, Fibres):
                fibre[layer.window] |= layer.mask
        areas["stem"] &= ~pin
        areas["capillary"] &= ~pin
        areas["loop_inside"] &= ~fibre
        areas["foreground"] = np.any([areas[name] for name in BEAMLINE[:-1]], axis=0)
        for k, name in enumerate(BEAMLINE):
            np.testing.assert_array_equal(bits >> k & 1, areas[name], err_msg=name)
            shown |= {name} if areas[name].any() else set()
    assert shown


def test_the_thickness_of_a_block_and_of_a_ball():
    view = View(0.0, 0.01, 20.0, 20.0, (41, 41), np.zeros(3), Slab(1.3, 0, 0, 0))
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    block = Polyhedron(signs * (0.1, 0.05, 0.03)).layer(view)
    assert block.thickness[block.mask] == pytest.approx(6.0, rel=1e-4)
    assert abs(block.mask.sum() - 20 * 10) <= 32
    ball = Fibres.spheres(np.zeros((1, 3)), np.array([0.15])).layer(view)
    distance = np.hypot(*np.mgrid[-15:16, -15:16])
    np.testing.assert_array_equal(ball.mask, distance < 15)
    expected = 2 * np.sqrt(np.maximum(225 - distance**2, 0))
    np.testing.assert_allclose(ball.thickness, expected, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), wide=st.floats(0.1, 0.9))
def test_a_taper_is_the_union_of_its_spheres(seed, wide):
    rng = np.random.default_rng(seed)
    ends = rng.uniform(-15, 15, (2, 3))
    radii = np.array([1.0, 1 + 8 * wide])
    view = View(0.7, 1.0, 30.0, 30.0, (61, 61), np.zeros(3), Slab(1.3, 0, 0, 0))
    layer = Fibres.along(ends, radii).layer(view)
    found = np.zeros(view.shape)
    found[layer.window] = layer.thickness
    expected = np.zeros(view.shape)
    rows, columns = np.mgrid[:61, :61]
    for share in np.linspace(0, 1, 301):
        column, row, _ = view.project(ends[0] + share * (ends[1] - ends[0]))[0]
        radius = radii[0] + share * (radii[1] - radii[0])
        square = radius**2 - (rows - row) ** 2 - (columns - column) ** 2
        np.maximum(expected, 2 * np.sqrt(np.maximum(square, 0)), out=expected)
    np.testing.assert_allclose(found, expected, atol=0.15)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_gauge_is_one_on_the_hull(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(5, 35, (12, 2))
    exact, smooth = convex_gauge(points, (0, 40, 0, 40), smoothing=30)
    hull = cv2.convexHull(points.astype(np.float32))
    for row, column in np.ndindex(40, 40):
        distance = cv2.pointPolygonTest(hull, (column, row), True)
        if abs(distance) > 0.05:
            assert (exact[row, column] < 1) == (distance > 0)
    assert np.abs(np.log(smooth / exact)).max() < 1
    assert np.isinf(convex_gauge(np.ones((4, 2)), (0, 3, 0, 3))[0]).all()


def test_shapes_outside_the_image_have_no_layer():
    view = View(0.0, 0.01, 20.0, 20.0, (41, 41), np.zeros(3), Slab(1.3, 0, 0, 0))
    far = np.array([[1.0, 0, 0], [1.1, 0, 0], [1, 0.1, 0], [1, 0, 0.1]])
    shapes = (
        Polyhedron(far),
        Fibres.along(far, 0.01),
        Area(far),
        Drop(far, (0.1, 0.1), np.array([0, 0, 1.0])),
    )
    assert [shape.layer(view) for shape in shapes] == [None] * 4


def test_a_tape_is_even_however_it_widens():
    points = np.stack([np.linspace(-20, 20, 9), np.linspace(-3, 3, 9) ** 2, np.zeros(9)], 1)
    view = View(0.0, 1.0, 30.0, 30.0, (61, 61), np.zeros(3), Slab(1.3, 0, 0, 0))
    layer = Fibres.along(points, np.linspace(4, 10, 9), flat=True).layer(view)
    inside = cv2.distanceTransform(layer.mask.astype(np.uint8), cv2.DIST_L2, 5) > 4
    assert inside.sum() > 100
    np.testing.assert_allclose(layer.thickness[inside], 2.0, rtol=0.2)
