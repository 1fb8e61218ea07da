"""Leaving on request: SIGTERM, as Slurm sends it before a time limit, and Ctrl-C."""

import signal
import threading
from types import FrameType

from segmill.progress import log

CAUGHT = (signal.SIGTERM, signal.SIGINT)


class Terminated(SystemExit):
    """A training left because of a signal, its state saved; the exit code is 128 + the signal."""

    def __init__(self, number: int):
        super().__init__(128 + number)


class SignalWatch:
    """Notes a signal instead of dying of it, so that the step under way is finished and saved.

    A second signal has its usual effect. Outside of the main thread nothing is caught.

    Attributes
    ----------
    number : the signal that came, 0 for none
    """

    def __init__(self):
        self.number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "SignalWatch":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in CAUGHT}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        log.warning("signal %d: finishing the step, saving, leaving", number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
