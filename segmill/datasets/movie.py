"""Movies: what their headers say, and their frames by number, decoded once and ahead of need.

Frame k is the k-th picture that decoding from the start gives, in the order of presentation. There
is no seeking: timestamps of real movies are irregular, and pictures refer to later ones (B-frames).
"""

from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Lock, local

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from segmill.errors import IntegrityError, Problem

# Decoded pictures that are kept for requests out of order, and that are decoded before a request.
BEHIND, AHEAD = 16, 8
FORMATS = {"rgb": "rgb24", "grey": "gray"}
_own = local()


@dataclass(frozen=True)
class MovieHeader:
    """Size in pixels; number of frames, 0 where the container does not say."""

    height: int
    width: int
    frames: int


def read_header(path: Path) -> MovieHeader:
    """What a movie says of itself, without decoding it. Raises IntegrityError naming the file."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            return MovieHeader(stream.height, stream.width, stream.frames)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise _unreadable(path, error) from error


def count_frames(path: Path) -> int:
    """Number of frames that decode. Raises IntegrityError where one does not."""
    count = 0
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                if frame.is_corrupt:
                    raise IntegrityError([_damaged(path, count)])
                count += 1
    except (av.FFmpegError, IndexError, OSError) as error:
        raise _unreadable(path, error, count) from error
    return count


class MovieDecoder:
    """The frames of one movie, mostly asked for in ascending order, by several threads.

    A thread decodes a few frames ahead; turning them into RGB is left to the threads that ask.
    A frame that lies further back than is kept is decoded again from the start of the movie.
    """

    def __init__(self, path: Path, colours: str = "rgb"):
        self.path = path
        self.colours = colours
        self._changed = Condition(Lock())
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._pictures = _pictures(path)
        self._kept: dict[int, av.VideoFrame] = {}
        self._waiting: Counter[int] = Counter()
        self._next = 0  # number of the picture that is decoded next
        self._until = 0  # number of the last one that is wanted so far
        self._busy = self._ended = False
        self._error: IntegrityError | None = None

    def frame(self, k: int) -> np.ndarray:
        """Frame `k` as (h, w, 3) RGB or (h, w, 1) grey, uint8.

        Raises IntegrityError where the movie ends before it or is damaged.
        """
        with self._changed:
            missed = k < self._next and k not in self._kept
            if not missed:
                self._await(k)
            picture, error, count = self._kept.get(k), self._error, self._next
        if missed:
            picture = next((p for n, p in enumerate(_pictures(self.path)) if n == k), None)
        if picture is None:
            expected = f"a movie with frame {k}"
            raise error or IntegrityError(
                [Problem(str(self.path), expected, f"{count} frames: it is truncated")]
            )
        if picture.is_corrupt:
            raise IntegrityError([_damaged(self.path, k)])
        return _pixels(picture, self.colours)

    def _await(self, k: int) -> None:
        """Have the movie decoded up to frame `k` and beyond; the lock is held by the caller."""
        self._until = max(self._until, k + AHEAD)
        if not self._busy and not self._ended:
            self._busy = True
            self._pool.submit(self._advance)
        self._waiting[k] += 1
        self._changed.wait_for(lambda: k in self._kept or self._ended)
        self._waiting[k] -= 1

    def _advance(self) -> None:
        """Decode until there is as much ahead as is wanted, or the movie ends."""
        while True:
            with self._changed:
                if self._ended or self._next > self._until:
                    self._busy = False
                    return
            picture, error = None, None
            try:
                picture = next(self._pictures, None)
            except IntegrityError as caught:
                error = caught
            with self._changed:
                self._keep(picture, error)
                self._changed.notify_all()

    def _keep(self, picture: av.VideoFrame | None, error: IntegrityError | None) -> None:
        if picture is None:
            self._ended, self._error = True, error
            return
        self._kept[self._next] = picture
        self._next += 1
        old = self._next - AHEAD - BEHIND
        for k in [k for k in self._kept if k < old and not self._waiting[k]]:
            del self._kept[k]

    def close(self) -> None:
        """Decode no further; threads that wait are told that the movie has ended."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._pool.shutdown(wait=True)
        self._pictures.close()


class OpenMovies:
    """The decoders of the movies that were asked for last; safe for several threads."""

    def __init__(self, colours: str = "rgb", count: int = 2):
        self.colours = colours
        self.count = count
        self._lock = Lock()
        self._open: OrderedDict[Path, MovieDecoder] = OrderedDict()
        self._users: Counter[Path] = Counter()

    def frame(self, path: Path, k: int) -> np.ndarray:
        """Frame `k` of a movie; see :meth:`MovieDecoder.frame`."""
        with self._lock:
            if path not in self._open:
                self._open[path] = MovieDecoder(path, self.colours)
            self._open.move_to_end(path)
            decoder = self._open[path]
            self._users[path] += 1
        try:
            return decoder.frame(k)
        finally:
            with self._lock:
                self._users[path] -= 1
                idle = [p for p in self._open if not self._users[p]]
                old = idle[: max(0, len(self._open) - self.count)]
                closing = [self._open.pop(p) for p in old]
            for decoder in closing:
                decoder.close()


def _pictures(path: Path):
    """All pictures of a movie in the order of presentation.

    Raises IntegrityError where decoding fails, after the pictures before.
    """
    count = 0
    try:
        with av.open(str(path)) as container:
            for picture in container.decode(video=0):
                yield picture
                count += 1
    except (av.FFmpegError, IndexError, OSError) as error:
        raise _unreadable(path, error, count) from error


def _pixels(picture: av.VideoFrame, colours: str) -> np.ndarray:
    """A picture as (h, w, 3) RGB or (h, w, 1) grey, uint8: the same values as `to_ndarray` gives.

    That one prepares a conversion and starts threads anew for every picture; here each thread that
    asks keeps its own. Rows without padding stay where they were converted, which saves a copy.
    """
    if not hasattr(_own, "reformatter"):
        _own.reformatter = VideoReformatter()
    plane = _own.reformatter.reformat(picture, format=FORMATS[colours], threads=1).planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    channels = 3 if colours == "rgb" else 1
    inner = rows[: picture.height, : picture.width * channels]
    if picture.format.name == FORMATS[colours]:  # not converted: it belongs to the decoder
        inner = inner.copy()
    return np.ascontiguousarray(inner).reshape(picture.height, picture.width, channels)


def _damaged(path: Path, k: int) -> Problem:
    return Problem(str(path), "a movie without damage", f"damage in frame {k}")


def _unreadable(path: Path, error: Exception, count: int = 0) -> IntegrityError:
    found = "no such file" if not path.is_file() else f"{type(error).__name__}: {error}"
    after = f" after {count} frames" if count else ""
    return IntegrityError([Problem(str(path), "a movie that decodes", found + after)])
