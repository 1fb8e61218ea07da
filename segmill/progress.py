"""Progress of long work: a bar in a terminal, plain lines in a log file."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

log = logging.getLogger("segmill")

LINE_INTERVAL_S = 10.0


def configure_logging(path: str | Path | None = None, level: int = logging.INFO) -> None:
    """Send Segmill's log to standard error, or append it to the file `path`.

    A repeated call replaces the earlier destination instead of doubling each line.
    """
    if path is None:
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
    else:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    for old in list(log.handlers):
        log.removeHandler(old)
        old.close()
    log.addHandler(handler)
    log.setLevel(level)
    log.propagate = False


def track(iterable: Iterable[T], total: int, what: str, unit: str = "sample") -> Iterator[T]:
    """Pass `iterable` on and report how far it is: a bar in a terminal, else a line every 10 s."""
    if sys.stderr.isatty():
        yield from tqdm(iterable, total=total, desc=what, unit=unit)
        return
    start = last = time.monotonic()
    for done, item in enumerate(iterable, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_INTERVAL_S and done < total:
            rate = done / (now - start)
            left = (total - done) / rate
            log.info("%s: %d of %d, %.1f %s/s, %.0f s left", what, done, total, rate, unit, left)
            last = now


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Log how long the enclosed work took."""
    start = time.monotonic()
    yield
    log.info("%s: %.1f s", what, time.monotonic() - start)
