"""What is seen on an image of a sample, in figures that a beamline can act on.

Positions and lengths are in pixels of the original image, (row, column) of pixel centres, but for
the entries that clients of sample recognition at synchrotrons read: ``most_likely_click``,
``extreme`` and the boxes ``aoi_bbox``, ``crystal_bbox``, ``loop_bbox`` are shares of the image's
height and width; the same in pixels ends in ``_px``. A share times the side is the pixel.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from segmill.clicks import CLICK, NO_CLICK, most_likely_click
from segmill.errors import ConfigError
from segmill.inference.blobs import SIDES, Blob, find_blobs
from segmill.inference.predictor import Prediction
from segmill.notions import BEAMLINE, FOREGROUND
from segmill.options import build_options, option

UM_PER_MM = 1000.0


@dataclass(frozen=True)
class DescribeOptions:
    """How a prediction is described.

    Attributes
    ----------
    threshold : a pixel is inside a notion where its probability is above it
    click_threshold : a click is predicted where the highest value of the heat map is above it
    enters_from : side of the image where the sample enters; the extreme point is the one farthest
        from it, by default the right-most
    min_size : blobs of a smaller area, in pixels, are left out
    mm_per_px : size of a pixel on the sample in mm; adds lengths in micrometres
    aoi : the area of interest is the largest blob of the union of these notions
    click_from : where the network predicts no click at all (it has no such output), the centroid
        of the largest blob of the first of these notions that is present takes its place
    """

    threshold: float = option(0.5, low=0, high=1)
    click_threshold: float = option(0.5, low=0, high=1)
    enters_from: str = option("left", choices=SIDES)
    min_size: int = option(1, low=1)
    mm_per_px: float | None = option(None, low=1e-9)
    aoi: tuple[str, ...] = option(("crystal", "loop_inside", "loop"))
    click_from: tuple[str, ...] = option(("crystal", "loop_inside", "loop"))


@dataclass(frozen=True)
class Description:
    """What :func:`describe` says; every value can be had as attribute or by its key.

    ``description["crystal"]`` is what is said of a notion.

    Attributes
    ----------
    original_shape : (h, w) of the image in pixels
    most_likely_click, most_likely_click_px : (row, column), (-1, -1) where there is none
    click_source : ``"click"``, the notion whose centroid takes its place, or None without a click
    extreme, extreme_px : (row, column) of the foreground's extreme point, (-1, -1) without it
    aoi_bbox, crystal_bbox, loop_bbox : (present, r, c, h, w): 1 or 0, centre, height and width of
        the box around the largest blob; (0, -1, -1, 0, 0) where there is none
    aoi_bbox_px, crystal_bbox_px, loop_bbox_px : (present, r, c, h, w, area) in pixels, the area
        being that of the box, h w
    notions : name -> what is said of the notion, see :func:`describe`
    hierarchy : notions from the lowest to the one on top
    hierarchical_mask : (h, w) uint8, 0 = nothing, v = ``hierarchy[v - 1]`` is on top; not in JSON
    threshold, enters_from, mm_per_px : the options it was made with
    """

    original_shape: tuple[int, int]
    most_likely_click: tuple[float, float]
    most_likely_click_px: tuple[float, float]
    click_source: str | None
    extreme: tuple[float, float]
    extreme_px: tuple[float, float]
    aoi_bbox: tuple[float, ...]
    aoi_bbox_px: tuple[float, ...]
    crystal_bbox: tuple[float, ...]
    crystal_bbox_px: tuple[float, ...]
    loop_bbox: tuple[float, ...]
    loop_bbox_px: tuple[float, ...]
    notions: dict[str, dict]
    hierarchy: tuple[str, ...]
    hierarchical_mask: np.ndarray
    threshold: float
    enters_from: str
    mm_per_px: float | None

    def __getitem__(self, key: str):
        """The attribute of that name, else what is said of the notion of that name."""
        if key in self.__dataclass_fields__:
            return getattr(self, key)
        return self.notions[key]

    def as_dict(self) -> dict:
        """All but the label image, of types that JSON knows; unknown values are None."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del values["hierarchical_mask"]
        return json.loads(json.dumps(values, allow_nan=False))

    def to_json(self, **options) -> str:
        """Strict JSON of :meth:`as_dict`, without NaN; `options` of :func:`json.dumps`."""
        return json.dumps(self.as_dict(), allow_nan=False, **options)


def describe(
    prediction: Prediction | np.ndarray, names: Sequence[str] | None = None, **options
) -> Description:
    """Describe what overlapping notions are seen on an image, and where.

    Parameters
    ----------
    prediction : of a network of notions; or its scores (h, w, K), floats from 0 to 1, or bool where
        they are decided
    names : of the K scores, where `prediction` is an array; ``"click"`` is the heat map of clicks
    options : see :class:`DescribeOptions`

    Returns
    -------
    Description. Of each notion: ``present``; ``total_area`` and ``count`` of all its blobs; of its
    largest blob ``area``, ``centroid``, ``bbox`` (r0, c0, r1, c1), ``r``, ``c``, ``h``, ``w``
    (centre and size of that box), ``major_axis``, ``minor_axis``, ``orientation``, ``extreme`` and
    ``borders`` as :class:`segmill.inference.blobs.Blob` says, None where the notion is absent; and
    ``blobs``, the same of every blob, the largest first. With `mm_per_px` each also has
    ``area_um2``, ``h_um``, ``w_um``, ``major_axis_um`` and ``minor_axis_um``.

    On top of others lies, of the notions at one pixel, the first of: crystal, loop_inside, loop,
    stem, pin, capillary, ice, notions of other names in their order, foreground.

    Raises
    ------
    ConfigError
        for a prediction of another task, an unknown option, an illegal value.
    ValueError
        for scores that do not fit the names, or are not finite.
    """
    options = build_options(DescribeOptions, options, "options of a description")
    maps = _maps(prediction, names)
    masks = {
        name: scores if scores.dtype == bool else scores > options.threshold
        for name, scores in maps.items()
        if name != CLICK
    }
    shape = next(iter(maps.values())).shape
    blobs = {name: _blobs(mask, options) for name, mask in masks.items()}
    click, source = _click(maps.get(CLICK), blobs, options)
    foreground = blobs.get(FOREGROUND)
    if foreground is None:
        foreground = _union_blobs(masks, masks, shape, options)
    extreme = foreground[0].extreme if foreground else NO_CLICK
    boxes = {
        "aoi": _union_blobs(masks, options.aoi, shape, options),
        "crystal": blobs.get("crystal", ()),
        "loop": blobs.get("loop", ()),
    }
    boxes_px = {f"{name}_bbox_px": _box(found) for name, found in boxes.items()}
    hierarchy, mask = hierarchical_mask(masks, shape)
    return Description(
        original_shape=shape,
        most_likely_click=_shares(click, shape),
        most_likely_click_px=click,
        click_source=source,
        extreme=_shares(extreme, shape),
        extreme_px=extreme,
        **boxes_px,
        **{name.removesuffix("_px"): _box_shares(box, shape) for name, box in boxes_px.items()},
        notions={name: _notion(found, options.mm_per_px) for name, found in blobs.items()},
        hierarchy=hierarchy,
        hierarchical_mask=mask,
        threshold=options.threshold,
        enters_from=options.enters_from,
        mm_per_px=options.mm_per_px,
    )


def hierarchical_mask(
    masks: Mapping[str, np.ndarray], shape: tuple[int, int]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Which notion is on top: the notions from the lowest, and a map of their numbers.

    Parameters
    ----------
    masks : name -> (h, w) bool, at most 255
    shape : (h, w)

    Returns
    -------
    hierarchy, (h, w) uint8: see :class:`Description`
    """
    parts = [name for name in BEAMLINE if name != FOREGROUND]
    order = [name for name in parts if name in masks]
    order += [name for name in masks if name not in BEAMLINE]
    order += [name for name in masks if name == FOREGROUND]
    lowest_first = tuple(reversed(order))
    labels = np.zeros(shape, np.uint8)
    for value, name in enumerate(lowest_first, start=1):
        labels[masks[name]] = value
    return lowest_first, labels


def _maps(prediction, names) -> dict[str, np.ndarray]:
    """Name -> (h, w) scores."""
    if isinstance(prediction, Prediction):
        if prediction.task != "notions":
            raise ConfigError(
                f"describe: needs overlapping notions, this network has {prediction.task}"
            )
        prediction, names = prediction.scores, prediction.classes
    scores = np.asarray(prediction)
    if names is None or scores.ndim != 3 or scores.shape[2] != len(names) or not scores.size:
        raise ValueError(f"expected scores (h, w, K) and K names, found {scores.shape} and {names}")
    if len(set(names)) < len(names):
        raise ValueError(f"expected a name of its own for each score, found {list(names)}")
    if scores.dtype != bool and (scores.dtype.kind != "f" or not np.isfinite(scores).all()):
        raise ValueError(f"expected finite floats or bool as scores, found {scores.dtype}")
    return {name: scores[:, :, k] for k, name in enumerate(names)}


def _blobs(mask: np.ndarray, options: DescribeOptions) -> tuple[Blob, ...]:
    return find_blobs(mask, options.enters_from, options.min_size)


def _union_blobs(masks, names, shape: tuple[int, int], options) -> tuple[Blob, ...]:
    """The blobs of the union of the named masks, as far as they are known."""
    union = np.zeros(shape, bool)
    for name in names:
        if name in masks:
            union |= masks[name]
    return _blobs(union, options)


def _click(heat, blobs, options) -> tuple[tuple[float, float], str | None]:
    """(row, column) in pixels of the most likely click, and where it comes from."""
    if heat is not None:
        click = most_likely_click(heat, options.click_threshold)
        return click, None if click == NO_CLICK else CLICK
    for name in options.click_from:
        if blobs.get(name):
            return blobs[name][0].centroid, name
    return NO_CLICK, None


def _box(blobs: tuple[Blob, ...]) -> tuple[float, ...]:
    """(present, r, c, h, w, area) of the box of the largest blob."""
    if not blobs:
        return (0, -1, -1, 0, 0, 0)
    r, c, h, w = blobs[0].box
    return (1, r, c, h, w, h * w)


def _shares(point: tuple[float, float], shape: tuple[int, int]) -> tuple[float, float]:
    return NO_CLICK if point == NO_CLICK else (point[0] / shape[0], point[1] / shape[1])


def _box_shares(box: tuple[float, ...], shape: tuple[int, int]) -> tuple[float, ...]:
    """(present, r, c, h, w) as shares of the image."""
    present, r, c, h, w, _ = box
    return (present, *_shares((r, c), shape), h / shape[0], w / shape[1])


def _notion(blobs: tuple[Blob, ...], mm_per_px: float | None) -> dict:
    """What is said of a notion."""
    described = [_described(blob, mm_per_px) for blob in blobs]
    largest = described[0] if described else _absent(mm_per_px)
    return {
        "present": bool(blobs),
        "count": len(blobs),
        "total_area": sum(blob.area for blob in blobs),
        **largest,
        "blobs": described,
    }


def _described(blob: Blob, mm_per_px: float | None) -> dict:
    r, c, h, w = blob.box
    values = asdict(blob) | {"r": r, "c": c, "h": h, "w": w}
    if mm_per_px is None:
        return values
    um = mm_per_px * UM_PER_MM
    lengths = {f"{name}_um": values[name] * um for name in ("h", "w", "major_axis", "minor_axis")}
    return values | {"area_um2": blob.area * um**2} | lengths


def _absent(mm_per_px: float | None) -> dict:
    """Nothing, with the keys of :func:`_described`."""
    nowhere = Blob(0, (0, 0), (0, 0, 0, 0), 0, 0, None, (0, 0), ())
    values = dict.fromkeys(_described(nowhere, mm_per_px))
    areas = {name: 0 for name in values if name.startswith("area")}
    return values | areas | {"borders": ()}
