"""One alignment: positions and area over omega with their fits, and the parts in the images."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from segmill.classical.align import Alignment
from segmill.classical.alignment_tables import alignment_tracks
from segmill.report.panels import bare
from segmill.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    TWO_COLUMNS_MM,
    VERMILION,
    colour_bar,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)

# In the order in which they are drawn, as far as there is room.
POINT_LABELS = {
    "middle": "loop's middle",
    "inside": "inside the medium",
    "centroid": "centroid",
    "extreme": "extreme point",
    "box": "box's middle",
}
POINT_COLOURS = {
    "middle": VERMILION,
    "inside": PURPLE,
    "centroid": BLUE,
    "extreme": GREEN,
    "box": ORANGE,
}
PART_COLOURS = {"loop": GREEN, "stem": BLUE, "pin": VERMILION}
CURVE = np.linspace(0, 360, 721)
TICKS = np.arange(0, 361, 90)


def alignment_plots(found: Alignment, output: str | Path, title: str = "") -> dict[str, Path]:
    """Draw positions across the axis over omega with circle and slab, their residuals, the area
    with its projection fit and marked orientations, and sum and variance of the frames with the
    parts found. The point that was centred comes first; two others follow, and what is seen inside
    the medium where there is such a track.

    Parameters
    ----------
    found : an alignment that did not fail
    output : path ending in ``.svg``; PNG and CSV (one row per frame: see
        :func:`segmill.classical.alignment_tracks`) are written beside it
    title : of the sweep

    Raises
    ------
    ValueError : the alignment failed
    """
    if found.failed:
        raise ValueError(f"{title or 'alignment'}: nothing to draw, it failed: {found.reason}")
    table = alignment_tracks(found)
    with publication_style():
        figure = _draw(found, table, title)
        return save_figure(figure, output, table)


def _draw(found: Alignment, table: pd.DataFrame, title: str) -> Figure:
    figure = new_figure(TWO_COLUMNS_MM, 132)
    points = _shown(found)
    above, below = figure.add_gridspec(2, 1, height_ratios=(3.5, 3.2))
    tracks = above.subgridspec(2, len(points), height_ratios=(2.2, 1.3))
    panels = []
    for k, point in enumerate(points):
        upper = figure.add_subplot(tracks[0, k])
        lower = figure.add_subplot(tracks[1, k], sharex=upper)
        _draw_positions(upper, found, table, point)
        _draw_residuals(lower, found, table, point)
        if k == 0:
            lower.set_ylabel(f"Residual ({_unit(found)})")
        panels.append(upper)
    area, *images = (figure.add_subplot(part) for part in below.subgridspec(1, 3))
    _draw_area(area, found, table)
    _draw_sum(figure, images[0], found)
    _draw_variance(figure, images[1], found)
    panels += [area, *images]
    mark_axes(panels)
    panels[0].set_ylabel(f"Across the axis ({_unit(found)})")
    figure.legend(handles=_legend(), loc="outside lower center", ncols=7)
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def _shown(found: Alignment) -> list[str]:
    """The point that was centred and others that were tracked: three, or four with the inside."""
    known = [name for name in POINT_LABELS if name in found.models.circle]
    first = [found.point] if found.point in known else []
    return (first + [name for name in known if name not in first])[: 3 + ("inside" in known)]


def _column(point: str) -> str:
    """Name of a point's positions in the table."""
    return "inside_across" if point == "inside" else f"loop_{point}_across"


def _unit(found: Alignment) -> str:
    return "µm" if found.unit == "um" else "px"


def _angle(ax: Axes, label: bool = True) -> None:
    ax.set_xlim(0, 360)
    ax.set_xticks(TICKS)
    if label:
        ax.set_xlabel("Omega (degrees)")


def _draw_positions(ax: Axes, found: Alignment, table: pd.DataFrame, point: str) -> None:
    omega = table["omega"] % 360
    _points(ax, found, omega, table[_column(point)], _inliers(found, point), point)
    for model, dash in (("circle", "--"), ("slab", "-")):
        fit = getattr(found.models, model).get(point)
        if fit is not None:
            ax.plot(
                CURVE, fit.predict(np.radians(CURVE)), color=BLACK, linestyle=dash, linewidth=0.9
            )
    _angle(ax, label=False)
    ax.tick_params(labelbottom=False)
    centred = " (centred)" if point == found.point else ""
    ax.set_title(POINT_LABELS[point].capitalize() + centred)


def _draw_residuals(ax: Axes, found: Alignment, table: pd.DataFrame, point: str) -> None:
    omega = table["omega"] % 360
    words = []
    for model, marker, colour in (("circle", "x", GREY), ("slab", "o", POINT_COLOURS[point])):
        fit = getattr(found.models, model).get(point)
        if fit is None:
            continue
        shown = found.used & fit.inliers
        face = "none" if marker == "o" else colour
        ax.scatter(
            omega[shown],
            fit.residuals[shown],
            s=7,
            marker=marker,
            linewidths=0.6,
            color=colour,
            facecolors=face if marker == "o" else None,
        )
        words.append(f"{model} {fit.rms:.2f}")
    ax.axhline(0, color=BLACK, linewidth=0.5)
    ax.set_title("rms: " + ", ".join(words), fontsize=6, pad=2)
    _angle(ax)


def _inliers(found: Alignment, point: str) -> np.ndarray:
    """Frames that the shown fit rests on: the slab's, where there is one."""
    for model in (found.models.slab, found.models.circle):
        if point in model:
            return model[point].inliers
    return found.used


def _points(ax, found: Alignment, omega, values, inliers, point: str) -> None:
    good, bad = found.used & inliers, found.used & ~inliers
    colour = POINT_COLOURS[point]
    ax.scatter(omega[good], values[good], s=7, color=colour, linewidths=0)
    ax.scatter(omega[bad], values[bad], s=9, facecolors="none", edgecolors=colour, linewidths=0.6)


def _draw_area(ax: Axes, found: Alignment, table: pd.DataFrame) -> None:
    scale = 1e-3
    fit = found.models.projection.get("area")
    inliers = found.used if fit is None else fit.inliers
    good, bad = found.used & inliers, found.used & ~inliers
    omega, area = table["omega"] % 360, table["loop_area"] * scale
    ax.scatter(omega[good], area[good], s=7, color=PURPLE, linewidths=0)
    ax.scatter(omega[bad], area[bad], s=9, facecolors="none", edgecolors=PURPLE, linewidths=0.6)
    if fit is not None:
        ax.plot(CURVE, scale * fit.predict(np.radians(CURVE)), color=BLACK, linewidth=0.9)
        marks = ((found.models.omega_least, "least"), (found.models.omega_largest, "largest"))
        for angle, word in marks:
            for turn in (0, 180):
                ax.axvline(angle + turn, color=GREY, linewidth=0.7, linestyle=":")
            ax.text(
                angle,
                0.02,
                f" {word}\n {angle:.1f}°",
                transform=ax.get_xaxis_transform(),
                fontsize=6,
                va="bottom",
            )
        ax.set_title(f"Projected area, rms {scale * fit.rms:.2g}")
    ax.set_ylabel(f"Area of the loop (10³ {_unit(found)}²)")
    ax.set_ylim(bottom=0)
    _angle(ax)


def _draw_sum(figure: Figure, ax: Axes, found: Alignment) -> None:
    """Mean of the frames, outlines and boxes of the parts over the whole rotation."""
    drawn = ax.imshow(found.statistics.mean, cmap="gray", interpolation="antialiased")
    colour_bar(figure, drawn, ax)
    for name, mask in _parts_over_rotation(found).items():
        if mask.any():
            ax.contour(mask, levels=[0.5], colors=PART_COLOURS[name], linewidths=0.8)
            _box(ax, mask, PART_COLOURS[name])
    bare(ax)
    ax.set_title("Mean grey level, parts in any frame")


def _draw_variance(figure: Figure, ax: Axes, found: Alignment) -> None:
    """Standard deviation over the frames, with the rotation axis."""
    spread = np.sqrt(found.statistics.variance)
    drawn = ax.imshow(spread, cmap="viridis", interpolation="antialiased")
    colour_bar(figure, drawn, ax)
    line = ax.axvline if found.axis == "vertical" else ax.axhline
    line(found.centre.axis_position, color="white", linewidth=0.8, linestyle="--")
    bare(ax)
    ax.set_title("Standard deviation, rotation axis")


def _parts_over_rotation(found: Alignment) -> dict[str, np.ndarray]:
    """Union of each part's masks over the used frames."""
    union: dict[str, np.ndarray] = {}
    for k in np.flatnonzero(found.used):
        for name, mask in found.part_masks(int(k)).items():
            if name in PART_COLOURS:
                union[name] = union[name] | mask if name in union else mask
    return union


def _box(ax: Axes, mask: np.ndarray, colour: str) -> None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corner = (columns[0] - 0.5, rows[0] - 0.5)
    size = (columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
    ax.add_patch(
        Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=0.6, linestyle=":")
    )


def _legend() -> list[Line2D]:
    outlier = {"marker": "o", "linestyle": "none", "markerfacecolor": "none", "color": GREY}
    lines = [
        Line2D([], [], color=BLACK, linestyle="--", linewidth=0.9, label="circle"),
        Line2D([], [], color=BLACK, linewidth=0.9, label="slab; projection"),
        Line2D([], [], color=GREY, marker="x", linestyle="none", label="residual of the circle"),
        Line2D([], [], **outlier, label="residual of the slab; outlier"),
    ]
    return lines + [Line2D([], [], color=PART_COLOURS[name], label=name) for name in PART_COLOURS]
