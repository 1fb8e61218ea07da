"""Synthetic sweeps in the files that a beamline's instrument and its annotators write."""

import base64
import json
import pprint
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import pandas as pd

from segmill.notions import BEAMLINE, FOREGROUND
from segmill.samples import Sample
from segmill.synthetic import beamline_sweep

CLOCK = 1.7e9
PERIOD = 0.0685
MOTORS = 9
# The goniometer's clock runs beside the host's, in milliseconds.
AHEAD_MS = 620.0


@dataclass
class Recording:
    """What a written recording shows.

    Attributes
    ----------
    samples : of the rotating frames
    omega : of all frames, degrees
    rotating : (F,) bool, frames during which the goniometer turned
    stem : path of the files without their endings
    """

    samples: list[Sample]
    omega: np.ndarray
    rotating: np.ndarray
    stem: Path


def write_recording(
    folder: Path,
    seed: int = 0,
    index: int = 0,
    before: int = 4,
    after: int = 5,
    name: str = "zoom_X_careful",
    **options,
) -> Recording:
    """Write a sweep as movie, goniometer log, camera log and settings.

    The lamp ramps up during the first `before` frames, at rest; the sample turns by
    ``omega_range``; `after` frames more show it at rest where it stopped.

    Parameters
    ----------
    folder : of the four files, made where missing
    seed, index, options : of the sweep, as of :func:`segmill.synthetic.beamline_sweep`
    before, after : frames at rest
    name : start of the files' names
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = beamline_sweep(seed, index, **options)
    first, omega_range = samples[0].notes["omega"], options.get("omega_range", 360.0)
    turned = omega_range * np.arange(len(samples) + 1) / len(samples)
    omega = first + np.r_[np.zeros(before), turned[:-1], np.full(after, turned[-1])]
    last = samples[0]
    if omega_range % 360:
        last = beamline_sweep(seed, index, **{**options, "omega_start": omega[-1], "frames": 1})[0]
    images = [sample.image for sample in samples]
    ramp = [np.rint(images[0] * (k + 1) / (before + 1)).astype(np.uint8) for k in range(before)]
    stem = folder / name
    times = CLOCK + PERIOD * np.arange(len(omega))
    _write_movie(Path(f"{stem}_sample_view_movie.mp4"), ramp + images + [last.image] * after)
    with h5py.File(f"{stem}_sample_view_lean.h5", "w") as file:
        file["history_timestamps"] = times
    start = CLOCK + PERIOD * before
    _write_goniometer(
        Path(f"{stem}_goniometer.h5"), start + PERIOD * np.arange(len(turned)), first + turned
    )
    _write_log(Path(f"{stem}.log"), samples[0].notes, images[0].shape, float(omega[-1]))
    rotating = (np.arange(len(omega)) >= before) & (np.arange(len(omega)) < before + len(samples))
    return Recording(samples, omega, rotating, stem)


def write_frames(folder: Path, samples: list[Sample]) -> Path:
    """Write frames as JPEG files and a table of their angles; the table's path."""
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    rows = []
    for k, sample in enumerate(samples):
        file = f"frames/frame_{k:03d}.jpg"
        cv2.imwrite(str(folder / file), sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        rows.append({"frame": k, "file": file, "omega_deg": round(sample.notes["omega"] % 360, 3)})
    pd.DataFrame(rows).to_csv(folder / "frames.csv", index=False)
    return folder / "frames.csv"


def write_labelme(folder: Path, sample: Sample, prefix: str = "100000_manual") -> Path:
    """Write a sample as annotators do: polygons around its notions, a point for the click.

    The name of the file says omega, zoom and click, as that of the instrument's snapshots does; a
    sample without anything in it is one polygon ``background``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notes, (height, width) = sample.notes, sample.shape
    name = f"{prefix}_omega_{notes['omega'] % 360:.2f}_zoom_{notes['zoom']}"
    shapes = []
    for k, notion in enumerate(BEAMLINE):
        if notion != FOREGROUND:
            mask = (sample.notions >> k & 1).astype(np.uint8)
            outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            shapes += [_shape(notion, line[:, 0]) for line in outlines if len(line) > 2]
    if not shapes:
        corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        shapes.append(_shape("background", corners))
    if np.isfinite(notes["click_row"]):
        point = [notes["click_column"], notes["click_row"]]
        shapes.append(_shape("user_click", [point], "point"))
        name += f"_y_{round(point[1])}_x_{round(point[0])}"
    coded = cv2.imencode(".jpg", sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    content = {
        "version": "5.0.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{name}.jpg",
        "imageData": base64.b64encode(coded.tobytes()).decode(),
        "imageHeight": height,
        "imageWidth": width,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content, indent=2))
    return path


def _shape(label: str, points, kind: str = "polygon") -> dict:
    points = np.asarray(points, float).tolist()
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}}


def _write_movie(path: Path, images: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        rate = Fraction(1 / PERIOD).limit_denominator(1000)
        stream = container.add_stream("libx264", rate=rate, options={"crf": "8"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuvj444p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _write_goniometer(path: Path, times: np.ndarray, omega: np.ndarray) -> None:
    """Each value twice, as the instrument logs it, from the first to the last motion."""
    times, omega = np.repeat(times, 2), np.repeat(omega, 2)
    values = np.zeros((len(times), MOTORS))
    values[:, 1:5] = -1.18, 0.0015, 0.097, 0.238
    values[:, -1] = omega % 360
    with h5py.File(path, "w") as file:
        file["timestamps"] = np.stack([times, times * 1000 + AHEAD_MS], axis=1)
        file["values"] = values


def _write_log(path: Path, notes: dict, shape: tuple[int, ...], omega: float) -> None:
    side = notes["mm_per_px"]
    settings = {
        "beam_position_horizontal": (shape[1] - 1) / 2,
        "beam_position_vertical": (shape[0] - 1) / 2,
        "calibration": "CALIBRATION",
        "description": "Synthetic optical alignment",
        "name_pattern": path.stem,
        "position": {"AlignmentX": 0.0, "CentringX": 0.097, "Omega": omega % 360},
        "scan_range": 360.0,
        "zoom": notes["zoom"],
    }
    text = pprint.pformat(settings)
    path.write_text(text.replace("'CALIBRATION'", f"array([{side!r}, {side!r}])"))
