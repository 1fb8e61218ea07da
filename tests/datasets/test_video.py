"""Alignments as stores: movies and folders of frames, angles by log, table and name."""

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from segmill.datasets import IngestProducer
from segmill.datasets.angles import spread, turning
from segmill.errors import ConfigError
from segmill.store import create, fill, finalise, write_store
from tests.datasets.conftest import by_file, grey, problems_of, save
from tests.datasets.movies import decoded, write_alignment, write_logs, write_movie
from tests.datasets.test_real import ROOT

VIDEO = {"movies": "**/*_movie.mp4", "suffix": "_movie"}


def config(root, **video):
    return {
        "name": "video",
        "reader": "video",
        "path": str(root),
        "split": {"rest": "test"},
        "video": {**VIDEO, **video} if "stills" not in video and "index" not in video else video,
    }


def table(root, **video):
    return IngestProducer(config(root, **video), root).plan().table


@pytest.fixture
def movies(tmp_path):
    for k in range(3):
        folder = tmp_path / f"day{k % 2}"
        folder.mkdir(exist_ok=True)
        write_alignment(folder / f"sample{k}", start=100.0 * k)
    return tmp_path


def test_rotating_frames_of_movies_with_their_angles(movies, tmp_path):
    store = write_store(tmp_path / "out" / "a.zarr", IngestProducer(config(movies), movies))
    assert store.table["group"].unique().tolist() == [
        "day0/sample0",
        "day0/sample2",
        "day1/sample1",
    ]
    for name, k in (("day0/sample0", 0), ("day0/sample2", 2), ("day1/sample1", 1)):
        rows = store.table[store.table["group"] == name]
        assert rows["frame"].tolist() == list(range(2, 10))
        assert rows["sample_id"].tolist() == [f"{name}/f{f:04d}" for f in range(2, 10)]
        expected = (100 * k + 10 * rows["frame"]) % 360
        np.testing.assert_allclose(rows["omega"], expected, atol=1e-3)
        frames = decoded(movies / f"{name}_movie.mp4")
        for i, f in zip(rows.index, rows["frame"], strict=True):
            np.testing.assert_array_equal(store.image(i), frames[f])
    assert store.table["rotating"].all()
    facts = store.table[["zoom", "mm_per_px", "beam_row", "beam_column"]].drop_duplicates()
    assert facts.to_numpy().tolist() == [[4, 0.002, 20, 30]]
    store.verify()


def test_all_frames_tell_which_turn(movies):
    rows = table(movies, frames="all")
    assert len(rows) == 36
    turns = rows.groupby("frame")["rotating"].all()
    assert turns[turns].index.tolist() == list(range(2, 10))


def test_fewer_frames(movies):
    assert table(movies, every=3)["frame"].tolist() == [2, 5, 8] * 3
    rows = table(movies, per_alignment=2)
    # 70 degrees from frame 2 to 9: the middles of halves are 17.5 and 52.5 degrees on.
    assert rows["frame"].tolist() == [4, 7] * 3
    assert len(table(movies, per_alignment=100)) == 24


def test_rescaled_frames_keep_their_millimetres(movies):
    producer = IngestProducer(config(movies, rescale=0.5), movies)
    plan = producer.plan()
    assert (plan.height, plan.width) == (16, 24)
    image = producer.sample(0).image
    full = IngestProducer(config(movies), movies).sample(0).image.astype(float)
    means = full.reshape(16, 2, 24, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(image, means, atol=0.51)
    assert plan.table["mm_per_px"][0] == 0.004
    assert plan.table["beam_row"][0] == 9.75  # (20 + 1/2) / 2 - 1/2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 0.002),
        ({"pixel_size_um": 3.0}, 0.003),
        ({"pixel_size_um": 3.0, "video": {"mm_per_px": 0.004}}, 0.004),
        ({"pixel_size_um": 3.0, "video": {"rescale": 0.5}}, 0.006),
    ],
)
def test_the_configuration_overrides_the_calibration_of_the_log(movies, change, expected):
    settings = {**config(movies), **change}
    settings["video"] = {**VIDEO, **change.get("video", {})}
    found = IngestProducer(settings, movies).plan().table["mm_per_px"]
    np.testing.assert_allclose(found, expected)


def test_grey(movies):
    producer = IngestProducer(config(movies, channels="grey"), movies)
    assert producer.plan().fields["image"].channels == 1
    assert producer.sample(1).image.shape == (32, 48, 1)


def test_groups_from_names(movies):
    rows = table(movies, group="(?P<group>day.)/")
    assert set(rows["group"]) == {"day0", "day1"}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_index_names_movies_groups_and_more(movies, suffix):
    index = pd.DataFrame(
        {
            "movie": [f"day{k % 2}/sample{k}_movie.mp4" for k in range(3)],
            "name": ["a", "b", "c"],
            "group": ["x", None, "x"],
            "split": ["train", None, "train"],
            "energy": [12.5, np.nan, 13],
            "protein": ["lysozyme", None, "insulin"],
        }
    )
    path = movies / f"index.{suffix}"
    index.to_parquet(path) if suffix == "parquet" else index.to_csv(path, index=False)
    settings = config(movies, index=path.name, suffix="_movie", every=4)
    settings["split"] = {"column": "split", "rest": "test"}
    rows = IngestProducer(settings, movies).plan().table
    assert rows["sample_id"].tolist() == [f"{n}/f{f:04d}" for n in "abc" for f in (2, 6)]
    assert rows["group"].tolist() == ["x", "x", "b", "b", "x", "x"]
    assert rows["split"].tolist() == ["train", "train", "test", "test", "train", "train"]
    assert rows["energy"].tolist()[:2] == [12.5, 12.5]
    assert rows["energy"].isna().tolist() == [False] * 2 + [True] * 2 + [False] * 2
    assert rows["protein"].tolist()[4:] == ["insulin"] * 2


def test_chunks_of_alignments_make_one_table(movies, monkeypatch):
    whole = table(movies)
    monkeypatch.setattr("segmill.datasets.readers.video.CHUNK", 2)
    pd.testing.assert_frame_equal(table(movies), whole)


def test_parts_and_threads_change_no_bit(movies, tmp_path):
    settings = {**config(movies), "shard_mib": 3 * 32 * 48 * 3 / 2**20 * 1.001}
    whole = write_store(tmp_path / "out/a.zarr", IngestProducer(settings, movies))
    path = tmp_path / "out/b.zarr"
    create(path, IngestProducer(settings, movies).plan())
    # A job that fills a part reads no log.
    for log in movies.rglob("*.h5"):
        log.unlink()
    manifests = [fill(path, IngestProducer(settings, movies), k, 3, workers=3) for k in range(3)]
    assert all(len(manifest["rows"]) in (6, 9) for manifest in manifests)
    store = finalise(path, manifests)
    for file in whole.path.rglob("*"):
        if file.is_file():
            assert (store.path / file.relative_to(whole.path)).read_bytes() == file.read_bytes()


@pytest.fixture
def stills(tmp_path):
    """Six frames in a folder; the sample turns by 15 degrees from frame 1 to frame 4."""
    omega = [350.0, 350.0, 5.0, 20.0, 35.0, 35.0]
    for k in range(6):
        save(tmp_path / f"s/frames/f_{k:02d}.png", np.stack([grey(seed=k)] * 3, axis=2))
    rows = {"frame": range(6), "file": [f"frames/f_{k:02d}.png" for k in range(6)], "omega": omega}
    pd.DataFrame(rows).to_csv(tmp_path / "s/angles.csv", index=False)
    return tmp_path


STILLS = {"stills": "**/*.png", "omega": "table", "table": "{folder}/angles.csv", "log": ""}


@pytest.mark.parametrize("by_file", [True, False])
def test_angles_from_a_table(stills, by_file):
    path = stills / "s/angles.csv"
    rows = pd.read_csv(path).sample(frac=1, random_state=0)
    (rows if by_file else rows.drop(columns="file")).to_csv(path, index=False)
    producer = IngestProducer(config(stills, **STILLS), stills)
    found = producer.plan().table
    assert found["frame"].tolist() == [2, 3, 4]
    assert found["omega"].tolist() == [5, 20, 35]
    assert found["source"].tolist() == [f"s/frames/f_{k:02d}.png" for k in (2, 3, 4)]
    assert found["zoom"].isna().all()
    assert found["mm_per_px"].isna().all()
    np.testing.assert_array_equal(producer.sample(1).image[..., 1], grey(seed=3))


def test_angles_from_names(tmp_path):
    for k, omega in enumerate(("210.00", "-15", "0")):
        save(tmp_path / f"a/x_{k}_omega_{omega}_zoom_9.png", grey(seed=k))
    rows = table(tmp_path, stills="a/*.png", omega="names", log="", frames="all")
    assert rows["omega"].tolist() == [210, 345, 0]
    assert rows["frame"].tolist() == [0, 1, 2]


def test_stills_with_the_instruments_logs(tmp_path):
    for k in range(6):
        save(tmp_path / f"a/f{k}.png", grey(seed=k))
    times = 10 + np.arange(6) / 10
    write_logs(tmp_path / "a", times, times[1:5] + 0.01, [0, 9, 18, 27])
    rows = table(tmp_path, stills="a/*.png")
    assert rows["frame"].tolist() == [2, 3, 4]
    np.testing.assert_allclose(rows["omega"], [8.1, 17.1, 26.1])


def test_every_fault_of_movies_is_named_at_once(movies):
    """Per alignment: a truncated movie; no log; stamps that go back; a movie that is none."""
    write_movie(movies / "day0/sample0_movie.mp4", range(7))
    (movies / "day0/sample2.log").unlink()
    with h5py.File(movies / "day1/sample1_sample_view_lean.h5", "r+") as file:
        file["history_timestamps"][4] = 0
    write_alignment(movies / "bad")
    (movies / "bad_movie.mp4").write_bytes(b"nothing")
    write_alignment(movies / "lost")
    (movies / "lost_goniometer.h5").unlink()
    (movies / "lost_sample_view_lean.h5").unlink()
    write_alignment(movies / "still")
    times = 1000 + np.arange(12) / 15
    write_logs(movies / "still", times, times, np.full(12, 40.0))
    found = by_file(problems_of(config(movies), movies), movies)
    assert {name: (p.expected, p.found) for name, p in found.items() if "_movie" in name} == {
        "day0/sample0_movie.mp4": ("12 frames, as many as timestamps", "7"),
        "bad_movie.mp4": ("a movie that decodes", found["bad_movie.mp4"].found),
        "still_movie.mp4": (found["still_movie.mp4"].expected, "none"),
    }
    assert "frames that rotate" in found["still_movie.mp4"].expected
    assert found["day0/sample2.log"].found == "no such file"
    assert "ascend" in found["day1/sample1_sample_view_lean.h5"].expected
    assert found["lost_goniometer.h5"].found == "no such file"
    assert found["lost_sample_view_lean.h5"].found == "no such file"
    assert len(found) == 7


@pytest.mark.parametrize("check", ["headers", "names"])
def test_a_movie_cut_after_planning_is_named_when_it_is_read(movies, tmp_path, check):
    producer = IngestProducer(config(movies, check=check), movies)
    producer.plan()
    write_movie(movies / "day0/sample0_movie.mp4", range(7))
    assert producer.sample(4).image.shape == (32, 48, 3)
    with pytest.raises(Exception, match=r"sample0_movie.mp4: expected a movie with frame 7"):
        producer.sample(5)


def test_full_check_decodes(movies):
    """A movie whose header promises what its data do not hold."""
    path = movies / "day0/sample0_movie.mp4"
    content = bytearray(path.read_bytes())
    # Beyond the words of the encoder about itself, before the index of the container.
    start, stop = content.index(b"mdat") + 1000, content.index(b"moov") - 100
    content[start:stop] = np.random.default_rng(0).bytes(stop - start)
    path.write_bytes(content)
    assert len(table(movies)) == 24
    found = by_file(problems_of(config(movies, check="full"), movies), movies)
    assert list(found) == ["day0/sample0_movie.mp4"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows.drop(index=3), "s/frames/f_03.png"),
        (lambda rows: rows.assign(omega=[1, None, 2, "x", 3, 4]), "without, in lines [3, 5]"),
        (lambda rows: rows.drop(columns="omega"), "the columns omega and frame"),
        (lambda rows: rows.iloc[[0, 1, 2, 3, 4, 5, 5]], "repeated frames"),
        (lambda rows: rows.assign(frame=[0, 1, 2, 3, 4, 6]), "missing [5]"),
    ],
)
def test_faults_of_a_table_are_named(stills, change, expected):
    path = stills / "s/angles.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)
    found = problems_of(config(stills, **STILLS), stills)
    assert any(expected in str(problem) for problem in found), list(map(str, found))


def test_gaps_among_frames_are_named(stills):
    (stills / "s/frames/f_02.png").unlink()
    (problem,) = problems_of(config(stills, **STILLS), stills)
    assert problem.expected == "a file for every row"
    assert "f_02.png" in problem.found
    for k in (0, 1, 3, 4):
        save(stills / f"n/f{k}_omega_{k}.png", grey())
    regex = r"f(?P<frame>\d)_omega_(?P<omega>\d)"
    found = problems_of(
        config(stills, stills="n/*.png", omega="names", regex=regex, log=""), stills
    )
    assert "missing [2]" in found[0].found
    save(stills / "n/f2_omega.png", grey())
    found = problems_of(
        config(stills, stills="n/*.png", omega="names", regex=regex, log=""), stills
    )
    assert [p.file for p in found] == [str(stills / "n/f2_omega.png")]


def test_faults_of_an_index_are_named(movies):
    path = movies / "index.csv"
    path.write_text("movie,omega\na.mp4,3\n")
    (problem,) = problems_of(config(movies, index="index.csv"), movies)
    assert "which the reader makes" in problem.expected
    assert problem.found == "omega"
    path.write_text("film\na.mp4\n")
    assert "movie or stills" in problems_of(config(movies, index="index.csv"), movies)[0].expected
    path.write_text("movie,stills\n,\n,none\nday0/sample0_movie.mp4,\n/else/m.mp4,\n")
    found = problems_of(config(movies, index="index.csv", suffix="_movie"), movies)
    assert [p.file for p in found] == [f"{path}:{line}" for line in (2, 3, 5)]
    assert problems_of(config(movies, index="no.csv"), movies)[0].found == "no such file"


def test_a_glob_without_movies_is_named(tmp_path):
    (problem,) = problems_of(config(tmp_path), tmp_path)
    assert problem.expected == "alignments as **/*_movie.mp4"


@pytest.mark.parametrize(
    ("video", "expected"),
    [
        ({"movies": None}, "expected one of the three, found \\[\\]"),
        ({"stills": "*", "index": "a"}, "found \\['stills', 'index'\\]"),
        ({"omega": "names"}, "a movie has no names of frames"),
        ({"group": "(day)"}, r"group: expected a group \(\?P<group>"),
        ({"regex": "("}, "regex: expected a regular expression"),
        ({"every": 0, "film": 1}, "film: unknown option"),
    ],
)
def test_contradictions_are_refused(tmp_path, video, expected):
    with pytest.raises(ConfigError, match=expected):
        IngestProducer(config(tmp_path, **video), tmp_path)


def test_spread_is_even_over_the_way():
    # Quarters of 360 degrees: the frames nearest to 45, 135, 225 and 315 degrees on.
    omega = np.array([0, 0.1, 0.2, 80, 180, 270, 350, 0])
    assert spread(omega, 4).tolist() == [3, 4, 5, 6]
    uniform = (np.arange(360) + 200.0) % 360
    assert np.diff(spread(uniform, 24)).tolist() == [15] * 23
    assert spread(np.full(10, 7.0), 3).tolist() == [2, 5, 8]  # after 1.5, 4.5 and 7.5 of 9 steps
    back = np.concatenate([np.arange(0, 90, 10.0), np.arange(90, -1, -10.0)])
    assert spread(back, 3).tolist() == [3, 9, 15]


def test_turning():
    omega = np.array([10, 10, 359.95, 0.1, 0.1])
    assert turning(omega, 0.1).tolist() == [False, False, True, True, False]
    assert turning(np.array([5.0]), 0.1).tolist() == [True]
    assert turning(np.array([5.0, 6.0]), 0.1).tolist() == [True, True]


@pytest.mark.real
def test_both_routes_give_the_same_angles(real_data, tmp_path):
    producers = {}
    for name in ("beamline_video", "beamline_sweep"):
        text = (ROOT / "config" / "datasets" / f"{name}.yaml").read_text()
        settings = yaml.safe_load(text)
        settings["video"]["frames"] = "all"
        producers[name] = IngestProducer(settings, tmp_path)
    log, listed = (producer.plan().table for producer in producers.values())
    assert log["frame"].tolist() == listed["frame"].tolist() == list(range(84))
    difference = (log["omega"] - listed["omega"] + 180) % 360 - 180
    assert difference.abs().max() < 0.001
    for rows in (log, listed):
        assert rows.index[rows["rotating"]].tolist() == list(range(7, 75))
    assert set(log["zoom"]) == {4}
    np.testing.assert_allclose(log["mm_per_px"], 0.00095009)
    np.testing.assert_allclose(listed["mm_per_px"], 0.00095009)
    assert log[["beam_row", "beam_column"]].drop_duplicates().to_numpy().tolist() == [[512, 611]]
    # The JPEG of each frame is the same picture as the movie's frame of that number.
    for i in (0, 8, 41, 83):
        movie, still = (p.sample(i).image.astype(float) for p in producers.values())
        other = producers["beamline_sweep"].sample((i + 20) % 84).image.astype(float)
        assert np.abs(movie - still).mean() < 1.5 < np.abs(movie - other).mean()


@pytest.mark.real
def test_the_turn_of_the_log_is_the_one_that_was_asked_for(real_data):
    """Independent of any table: the settings say 360 degrees in 3.6 s from where omega stands."""
    settings = {**config(real_data / "beamline" / "video")}
    settings["video"] = {"movies": "*_sample_view_movie.mp4", "suffix": "_sample_view_movie"}
    rows = IngestProducer(settings, real_data).plan().table
    way = np.unwrap(rows["omega"], period=360)
    assert np.ptp(way) > 360
    steady = way[10:55]
    with h5py.File(next((real_data / "beamline/video").glob("*_lean.h5"))) as file:
        times = file["history_timestamps"][:][rows["frame"]][10:55]
    assert abs(np.polyfit(times, steady, 1)[0] - 360 / 3.6) < 1
