"""Experimental and synthetic images side by side, with their grey levels and power spectra."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.report.panels import bare
from segmill.report.style import (
    BLUE,
    TWO_COLUMNS_MM,
    VERMILION,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)
from segmill.store import Store

SETS = ("experimental", "synthetic")
COLOURS = {"experimental": BLUE, "synthetic": VERMILION}
FREQUENCY_STEP = 0.01  # cycles per pixel
ROW_MM = 44.0


def side_by_side(
    real: Store,
    synthetic: Store,
    output: str | Path,
    pairs: Sequence[tuple[int, int]] = ((0, 0),),
    size: int = 256,
) -> dict[str, Path]:
    """Draw experimental crop | synthetic crop | histograms of grey levels | power spectra.

    Both crops of a row have the same size and the same grey scale, from the lowest 0.1 % to the
    highest 0.1 % of the experimental one. Histograms and spectra are those of the whole images.

    Parameters
    ----------
    real, synthetic : open stores with `image`, 8 bits
    output : path ending in ``.svg``; PNG and CSV beside it. The CSV has a row per set, curve
        (histogram, spectrum) and bin: x is the grey level, or the frequency in cycles per pixel; y
        the share of the pixels, or the power in squared grey levels
    pairs : (experimental, synthetic) indices of samples, one row of the figure each
    size : height and width of the crops in pixels, less where an image is smaller
    """
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, ROW_MM * len(pairs) + 4)
        axes = figure.subplots(len(pairs), 4, squeeze=False)
        curves = []
        for row, (first, second) in zip(axes, pairs, strict=True):
            images = dict(zip(SETS, (_grey(real, first), _grey(synthetic, second)), strict=True))
            names = dict(zip(SETS, (_id(real, first), _id(synthetic, second)), strict=True))
            _draw_crops(row[:2], images, size)
            curves += _draw_curves(row[2:], images, names)
        for ax, title in zip(axes[0], ("Experimental", "Synthetic", "", ""), strict=True):
            ax.set_title(title, loc="center")
        axes[0, 3].legend()
        mark_axes(axes.ravel())
        return save_figure(figure, output, pd.concat(curves, ignore_index=True))


def most_alike(real: Store, index: int, synthetic: Store, among: int = 200) -> int:
    """Which of `among` synthetic samples resembles an experimental one most.

    They are spread evenly over the store, which may be a union of several kinds of images.

    The distance is the mean square of two differences: that of the logarithms of the power spectra,
    and that of the quantiles of the grey levels, over the standard deviation of the experimental.
    """
    wanted, scale = _signature(_grey(real, index)), _grey(real, index).std()
    distances = []
    places = np.linspace(0, len(synthetic) - 1, min(among, len(synthetic))).astype(int)
    for k in places.tolist():
        found = _signature(_grey(synthetic, k))
        spectra, levels = (a - b for a, b in zip(found, wanted, strict=True))
        levels = levels / max(scale, 1e-9)
        distances.append(np.nanmean(np.square(spectra)) + np.mean(np.square(levels)))
    return int(places[np.argmin(distances)])


def _signature(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the power spectrum, and the percentiles of the grey levels."""
    _, power = power_spectrum(grey)
    return np.log(np.maximum(power, 1e-9)), np.percentile(grey, np.arange(1, 100))


def power_spectrum(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power of an image by spatial frequency, averaged over directions.

    A Hann window keeps the edges of the image out of it. White noise of variance v has power v.

    Parameters
    ----------
    grey : (h, w)

    Returns
    -------
    frequency : (n,) middle of each bin up to 0.5 cycles per pixel
    power : (n,) squared grey levels; NaN where a bin holds no frequency of a small image
    """
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in grey.shape))
    signal = (grey - np.average(grey, weights=window)) * window
    power = np.abs(np.fft.fft2(signal)) ** 2 / np.square(window).sum()
    rows, columns = (np.fft.fftfreq(side) for side in grey.shape)
    bins = (np.hypot(rows[:, None], columns) / FREQUENCY_STEP + 1e-9).astype(int).ravel()
    n = round(0.5 / FREQUENCY_STEP)
    count = np.bincount(bins, minlength=n)[:n]
    total = np.bincount(bins, power.ravel(), minlength=n)[:n]
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return (np.arange(n) + 0.5) * FREQUENCY_STEP, mean


def _grey(store: Store, index: int) -> np.ndarray:
    """(h, w) float64, the mean of the channels."""
    return store.image(index).mean(2)


def _id(store: Store, index: int) -> str:
    return str(store.table["sample_id"].iloc[index])


def _draw_crops(axes, images: dict[str, np.ndarray], size: int) -> None:
    """Crops of the images' centres, equal in size and grey scale."""
    height, width = np.min([(size, size), *(grey.shape for grey in images.values())], axis=0)
    low, high = np.percentile(images["experimental"], (0.1, 99.9))
    for ax, grey in zip(axes, images.values(), strict=True):
        row, column = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
        crop = grey[row : row + height, column : column + width]
        ax.imshow(crop, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        bare(ax)


def _draw_curves(axes, images, names) -> list[pd.DataFrame]:
    """Histograms and spectra of both images, and the data behind them."""
    curves = []
    for which, grey in images.items():
        levels = np.arange(256)
        shares = np.bincount(np.rint(grey).astype(int).ravel(), minlength=256) / grey.size
        frequency, power = power_spectrum(grey)
        for ax, kind, x, y in (
            (axes[0], "histogram", levels, shares),
            (axes[1], "spectrum", frequency, power),
        ):
            ax.plot(x, y, color=COLOURS[which], label=which.capitalize())
            curves.append(
                pd.DataFrame(
                    {"set": which, "sample_id": names[which], "curve": kind}
                    | {"x": x.astype(float), "y": y}
                )
            )
    highest = max(grey.max() for grey in images.values())
    axes[0].set(xlabel="Grey level", ylabel="Share of pixels", xlim=(0, highest), ylim=(0, None))
    axes[1].set(xlabel="Frequency (cycles/px)", ylabel="Power (grey levels²)", xlim=(0, 0.5))
    axes[1].set_yscale("log")
    return curves
