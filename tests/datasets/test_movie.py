"""Frames of movies by number, against a plain decoder."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from segmill.datasets import movie
from segmill.datasets.movie import MovieDecoder, OpenMovies, count_frames, read_header
from segmill.errors import IntegrityError
from tests.datasets.movies import decoded, write_movie

N = 60


@pytest.fixture(scope="module", params=[0, 3], ids=["without B-frames", "with B-frames"])
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("movie")
    return write_movie(folder / "m.mp4", np.arange(N) * 4, b_frames=request.param)


def test_frame_k_is_frame_k(path):
    expected = decoded(path)
    # The levels differ by 4: a neighbour is told apart.
    np.testing.assert_allclose([f[:, 0].mean() for f in expected], np.arange(N) * 4, atol=1.5)
    decoder = MovieDecoder(path)
    for k in range(N):
        np.testing.assert_array_equal(decoder.frame(k), expected[k])
    decoder.close()


@pytest.mark.parametrize("order", [[59, 0, 30], [40, 39, 20, 41], range(0, N, 17), [5, 5]])
def test_any_order_gives_the_same_frames(path, order):
    expected = decoded(path)
    decoder = MovieDecoder(path)
    for k in order:
        np.testing.assert_array_equal(decoder.frame(k), expected[k])


def test_threads_ask_for_frames_of_several_movies(path, tmp_path, monkeypatch):
    monkeypatch.setattr(movie, "BEHIND", 2)
    monkeypatch.setattr(movie, "AHEAD", 3)
    others = [write_movie(tmp_path / f"{k}.mp4", np.arange(20) * 9 + k) for k in range(3)]
    expected = {p: decoded(p) for p in (path, *others)}
    wanted = [(p, k) for p in expected for k in range(0, len(expected[p]), 2)]
    np.random.default_rng(0).shuffle(wanted)
    movies = OpenMovies(count=2)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda request: movies.frame(*request), wanted))
    for (p, k), frame in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(frame, expected[p][k])
    assert len(movies._open) <= 2


def test_few_frames_are_kept(path):
    decoder = MovieDecoder(path)
    kept = []
    for k in range(N):
        decoder.frame(k)
        kept.append(len(decoder._kept))
    assert max(kept) <= movie.BEHIND + movie.AHEAD + 1


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "colours"),
    [("libx264", "gray", "grey"), ("png", "rgb24", "rgb"), ("libx264", "yuv420p", "rgb")],
)
def test_a_frame_that_is_changed_changes_no_other(tmp_path, codec, pix_fmt, colours):
    levels = np.arange(9) * 20
    file = write_movie(tmp_path / "m.mov", levels, w=64, codec=codec, pix_fmt=pix_fmt)
    decoder = MovieDecoder(file, colours)
    before = [decoder.frame(k).copy() for k in range(9)]
    decoder.frame(3)[:] = 7
    for k in range(9):
        np.testing.assert_array_equal(decoder.frame(k), before[k])
    decoder.close()


def test_grey(path):
    expected = decoded(path)[7].astype(float)
    frame = MovieDecoder(path, "grey").frame(7)
    assert frame.shape == (32, 48, 1)
    assert frame.dtype == np.uint8
    np.testing.assert_allclose(frame[..., 0], expected.mean(axis=2), atol=4)


def test_header_and_count(path):
    header = read_header(path)
    assert (header.height, header.width, header.frames) == (32, 48, N)
    assert count_frames(path) == N


def test_a_frame_beyond_the_end_is_named(path):
    decoder = MovieDecoder(path)
    with pytest.raises(IntegrityError, match=f"with frame {N}, found {N} frames: it is truncated"):
        decoder.frame(N)
    assert decoder.frame(N - 1) is not None


def test_a_truncated_movie_is_named_and_its_start_is_read(tmp_path):
    whole = write_movie(tmp_path / "a.mkv", np.arange(N) * 4, h=64, w=96, b_frames=0)
    expected = decoded(whole)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    decoder = MovieDecoder(cut)
    np.testing.assert_array_equal(decoder.frame(3), expected[3])
    with pytest.raises(IntegrityError, match=r"cut\.mkv"):
        decoder.frame(N - 1)


@pytest.mark.parametrize("content", [None, b"", b"no movie at all"])
def test_what_is_no_movie_is_named(tmp_path, content):
    path = tmp_path / "m.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (read_header, count_frames, lambda p: MovieDecoder(p).frame(0)):
        with pytest.raises(IntegrityError, match=r"m\.mp4: expected a movie that decodes"):
            read(path)
