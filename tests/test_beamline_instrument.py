import av
import numpy as np
import pytest

from segmill.datasets import IngestProducer
from segmill.notions import BEAMLINE, unpack
from segmill.synthetic import beamline_sweep
from tests.beamline_instrument import write_frames, write_labelme, write_recording

OPTIONS = {"frames": 12, "height": 96, "width": 128, "blank": 0, "zooms": [3]}


def test_a_recording_reads_back(tmp_path):
    recording = write_recording(tmp_path, 3, **OPTIONS)
    assert recording.rotating.sum() == 12
    config = {
        "name": "sweep",
        "reader": "video",
        "path": str(tmp_path),
        "video": {"movies": "*_movie.mp4", "suffix": "_sample_view_movie", "frames": "rotating"},
        "split": {"rest": "test"},
    }
    producer = IngestProducer(config, tmp_path)
    table = producer.plan().table
    expected = recording.omega[recording.rotating] % 360
    assert 12 <= len(table) <= 14
    by_frame = table.set_index("frame")["omega"].loc[np.flatnonzero(recording.rotating)]
    away = (by_frame.to_numpy() - expected + 180) % 360 - 180
    np.testing.assert_allclose(away, 0, atol=0.1)
    assert table["mm_per_px"].iloc[0] == pytest.approx(recording.samples[0].notes["mm_per_px"])
    with av.open(f"{recording.stem}_sample_view_movie.mp4") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == len(recording.omega) == 21
    for frame, sample in zip(frames[4:16], recording.samples, strict=True):
        assert np.abs(frame.astype(int) - sample.image).mean() < 4
    assert frames[0].mean() < 0.5 * frames[4].mean()


def test_frames_read_back(tmp_path):
    samples = beamline_sweep(3, **OPTIONS)
    table = write_frames(tmp_path, samples)
    lines = table.read_text().splitlines()
    assert lines[0] == "frame,file,omega_deg"
    assert len(lines) == 13
    assert len([*(tmp_path / "frames").iterdir()]) == 12


def test_annotations_read_back(tmp_path):
    samples = [beamline_sweep(3, index, **{**OPTIONS, "frames": 1})[0] for index in range(4)]
    samples.append(
        beamline_sweep(3, frames=1, height=96, width=128, blank=1, no_loop=0, capillary=0)[0]
    )
    paths = {write_labelme(tmp_path, sample).stem: sample for sample in samples}
    assert len(paths) == 5
    config = {
        "name": "notes",
        "reader": "labelme",
        "path": str(tmp_path),
        "split": {"rest": "test"},
    }
    producer = IngestProducer(config, tmp_path)
    table = producer.plan().table
    for row in range(5):
        read = producer.sample(row)
        sample = paths[table["source"].iloc[row].removesuffix(".json")]
        for k, name in enumerate(BEAMLINE):
            found, expected = (unpack(s.notions, 8)[..., k] for s in (read, sample))
            assert (found ^ expected).sum() <= 0.12 * expected.sum() + 12, name
        click = [read.notes[key] for key in ("click_row", "click_column")]
        expected = [sample.notes[key] for key in ("click_row", "click_column")]
        np.testing.assert_allclose(click, expected, atol=0.6)
