"""Small movies and instrument logs on disk."""

from pathlib import Path

import av
import h5py
import numpy as np

LOG = """\
{{'analysis': True,
 'beam_position_horizontal': {column},
 'beam_position_vertical': {row},
 'calibration': array([{calibration}, {calibration}]),
 'description': 'Optical alignment, {{zoom}} '
                'of one',
 'camera': <camera object at 0x7f>,
 'position': {{'AlignmentX': 0.0,
              'Omega': {standing}}},
 'zoom': {zoom}}}"""


def write_movie(
    path: Path,
    levels,
    h: int = 32,
    w: int = 48,
    b_frames: int = 2,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
) -> Path:
    """A movie whose frame k has the grey level `levels[k]`, with a ramp along its columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        is_h264 = codec == "libx264"
        options = {"crf": "10", "g": "12"} if is_h264 else {}
        stream = container.add_stream(codec, rate=15, options=options)
        stream.width, stream.height, stream.pix_fmt = w, h, pix_fmt
        if is_h264:
            stream.codec_context.max_b_frames = b_frames
        for level in levels:
            image = np.full((h, w, 3), level, np.uint8) + np.arange(w, dtype=np.uint8)[:, None]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def decoded(path: Path) -> list[np.ndarray]:
    """All frames of a movie as PyAV gives them."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_logs(stem: Path, frame_times, times, omega, **settings) -> None:
    """Logs as the instrument writes them: two stamps per value, omega last among nine motors.

    `settings` replace calibration, zoom, row and column of the beam, and `standing`, the angle at
    the end.
    """
    values = np.zeros((len(times), 9))
    values[:, 3] = 0.1
    values[:, 8] = np.asarray(omega) % 360
    stamps = np.stack([times, np.asarray(times) * 1000 + 620], axis=1)
    with h5py.File(f"{stem}_goniometer.h5", "w") as file:
        file["timestamps"], file["values"] = stamps, values
    with h5py.File(f"{stem}_sample_view_lean.h5", "w") as file:
        file["history_timestamps"] = np.asarray(frame_times, float)
    known = {"calibration": 0.002, "zoom": 4, "row": 20.0, "column": 30.0, **settings}
    known.setdefault("standing", float(values[-1, 8]))
    Path(f"{stem}.log").write_text(LOG.format(**known))


def write_alignment(stem: Path, frames: int = 12, start: float = 300.0, **movie) -> Path:
    """A movie with logs: frames 2 to `frames` - 3 turn, by 10 degrees from one to the next."""
    times = 1000 + np.arange(frames) / 15
    path = write_movie(Path(f"{stem}_movie.mp4"), np.arange(frames) * 8 + 10, **movie)
    # The log covers the motion alone, and holds each value twice.
    moving = np.linspace(times[1] + 0.03, times[-2] - 0.03, 3 * frames)
    moving = np.sort(np.concatenate([moving, moving + 1e-4]))
    write_logs(stem, times, moving, start + 150 * (moving - times[0]))
    return path
