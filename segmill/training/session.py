"""A training under way: its parts, and what is saved of them."""

import json
import math
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segmill.atomic import write_atomically
from segmill.errors import TrainingError
from segmill.progress import log
from segmill.training.checkpoint import Checkpoints
from segmill.training.distributed import Processes
from segmill.training.outputs import RunFolder
from segmill.training.progress import Progress, Sums
from segmill.training.schedule import Schedule
from segmill.training.signals import SignalWatch, Terminated
from segmill.training.steps import Stepper, StepResult

# Steps on a GPU whose losses are fetched together: fetching each would make the GPU wait.
FETCH_EVERY = 16


@dataclass
class Session:
    """All parts of a training that its loop works with."""

    stepper: Stepper
    schedule: Schedule
    processes: Processes
    checkpoints: Checkpoints
    run: RunFolder
    signals: SignalWatch
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self):
        self._pending: list[tuple[int, list[str], int, StepResult]] = []
        self._clock = time.monotonic()
        self.progress.pieces = self.stepper.pieces

    # --- sums -------------------------------------------------------------------------------------

    def start_clock(self) -> None:
        """Begin to measure the seconds of a phase."""
        self._clock = time.monotonic()

    def count(self, ids: list[str], samples: int, result: StepResult, sums: Sums) -> None:
        """Add a step of `samples` samples in all processes, of which `ids` in this one."""
        self._pending.append((self.progress.step, ids, samples, result))
        at_once = self.stepper.device.type == "cpu" or self.processes.count > 1
        if at_once or len(self._pending) >= FETCH_EVERY:
            self.settle(sums)

    def settle(self, sums: Sums) -> None:
        """Fetch what is pending from the device and add it.

        Raises
        ------
        TrainingError
            When a loss or gradient is not finite: names epoch, step and samples, which are written
            to ``non_finite.json`` in the run folder, too.
        """
        pending, self._pending = self._pending, []
        for step, ids, samples, result in pending:
            values = [float(result.loss), *result.counts.flatten().tolist()]
            loss, *counts = self.processes.total(np.array(values, np.float64)).tolist()
            norm = 0.0 if result.norm is None else float(result.norm)
            # A scaler of losses meets infinite gradients on purpose and skips their steps.
            bad_norm = not math.isfinite(norm) and not self.stepper.scaler.is_enabled()
            if not math.isfinite(loss) or bad_norm:
                phase = "validation" if result.norm is None else "training"
                self._refuse(step, ids, float(result.loss), norm, phase)
            sums.add(loss, samples, [int(c) for c in counts])
        now = time.monotonic()
        sums.seconds += now - self._clock
        self._clock = now

    def _refuse(self, step: int, ids: list[str], loss: float, norm: float, phase: str) -> None:
        rank = f"_rank{self.processes.rank}" if self.processes.count > 1 else ""
        path = self.run.path / f"non_finite{rank}.json"
        report = {
            "phase": phase,
            "epoch": self.progress.epoch,
            "step": step,
            "samples": ids,
            "loss": str(loss),
            "gradient_norm": str(norm),
        }
        write_atomically(path, json.dumps(report, indent=2) + "\n")
        checkpoint = self.checkpoints.path
        kept = f"the last good checkpoint is {checkpoint}" if checkpoint.exists() else "none saved"
        raise TrainingError(
            f"{phase} loss {loss} with a gradient of norm {norm} in epoch {self.progress.epoch}, "
            f"step {step}; samples {', '.join(ids)} (listed in {path}); {kept}"
        )

    # --- saving -----------------------------------------------------------------------------------

    def pause(self, sums: Sums) -> None:
        """Between two steps: save where a checkpoint is due; save and leave on a signal.

        Raises
        ------
        Terminated
            SystemExit with 128 + the number of the signal.
        """
        first = self.processes.is_first
        flags = [self.signals.number > 0, first and self.checkpoints.is_due]
        asked, due = self.processes.total(np.array(flags, np.float64)) > 0
        if asked or due:
            self.settle(sums)
            self.save()
        if asked:
            log.warning("left in epoch %d after step %d", self.progress.epoch, self.progress.step)
            raise Terminated(self.signals.number or signal.SIGTERM)

    def save(self) -> None:
        """Write a checkpoint and the history so far, in rank 0."""
        self.progress.schedule = self.schedule.state
        self.progress.pieces = self.stepper.pieces
        if self.processes.is_first:
            self.checkpoints.save(self.state())
            self.run.write_history(self.progress.history)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of the training.

        No state of a random generator is among it: all draws are keyed by the number of the step.
        """
        return {
            "model": self.stepper.model.state_dict(),
            "optimizer": self.stepper.optimizer.state_dict(),
            "scaler": self.stepper.scaler.state_dict(),
            "progress": self.progress.to_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put everything back as it was when `state` was saved."""
        self.stepper.model.load_state_dict(state["model"])
        self.stepper.optimizer.load_state_dict(state["optimizer"])
        self.stepper.scaler.load_state_dict(state["scaler"])
        self.progress = Progress.from_dict(state["progress"])
        self.stepper.pieces = self.progress.pieces
        self.schedule.state = dict(self.progress.schedule)
