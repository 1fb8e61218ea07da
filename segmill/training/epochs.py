"""One epoch: its steps, its validation, and what follows from them."""

import numpy as np
import torch

from segmill.progress import log
from segmill.random import torch_seed
from segmill.training.config import TrainingConfig
from segmill.training.data import ReadAhead
from segmill.training.progress import Progress, Sums
from segmill.training.session import Session
from segmill.training.stream import Stream


def train_epoch(
    config: TrainingConfig,
    session: Session,
    stream: Stream,
    reader: ReadAhead,
    next_reader: ReadAhead,
) -> None:
    """The steps of the epoch under way that are not done yet."""
    progress, stepper = session.progress, session.stepper
    for group in stepper.optimizer.param_groups:
        group["lr"] = session.schedule.rate(progress.epoch)
    steps = config.steps_per_epoch or stream.steps_per_pass
    session.start_clock()
    while progress.epoch_step < steps:
        batch = reader.take(progress.step - progress.stream_start)
        if progress.epoch_step == steps - 1:
            next_reader.prepare(0)
        # Dropout draws from torch's own generator: keyed by the step, it needs no saved state.
        torch.manual_seed(torch_seed(config.seed, "step", progress.step, session.processes.rank))
        result = stepper.train(batch, config.batch_size)
        progress.step += 1
        progress.epoch_step += 1
        session.count(batch.ids, config.batch_size, result, progress.sums)
        session.pause(progress.sums)
    session.settle(progress.sums)


def validate(session: Session, batches: list[np.ndarray], reader: ReadAhead) -> Sums:
    """Loss and overlap over all batches of the validation."""
    sums = Sums()
    session.start_clock()
    for number, samples in enumerate(batches):
        batch = reader.take(number)
        result = session.stepper.validate(batch, len(samples))
        session.count(batch.ids, len(samples), result, sums)
        # What is saved here is the epoch before its validation, which is short and begins anew.
        session.pause(sums)
    session.settle(sums)
    return sums


def finish_epoch(config: TrainingConfig, session: Session, rows: list[dict]) -> None:
    """Judge the validation of an epoch and move on to the next, or finish."""
    progress = session.progress
    measured = session.processes.from_first({key: rows[1][key] for key in ("iou", "loss")})
    progress.history += rows
    for row in rows:
        session.run.draw(row)
    log_epoch(config, progress, rows)
    session.schedule.observe(measured["loss"])
    stop = config.early_stop
    monitors = {config.keep_best} | ({stop.monitor} if stop else set())
    better = {name: progress.record_best(name, measured[name]) for name in sorted(monitors)}
    keep_weights(config, session, better[config.keep_best])
    progress.waited = 0 if stop and better[stop.monitor] else progress.waited + 1
    unlock = config.curriculum and not progress.unlocked
    if unlock and measured["iou"] >= config.curriculum.threshold:
        log.info("validation IoU %.4f: harder levels from the next epoch on", measured["iou"])
        progress.unlocked, progress.stream_start, progress.waited = True, progress.step, 0
    if stop and progress.waited >= stop.patience:
        progress.finished = "early stop"
    elif progress.epoch >= config.epochs:
        progress.finished = "epochs"
    else:
        progress.epoch += 1
        progress.epoch_step = 0
        progress.sums = Sums()


def keep_weights(config: TrainingConfig, session: Session, is_best: bool) -> None:
    """Keep the weights of the epoch where they are the best or a snapshot."""
    epoch = session.progress.epoch
    if is_best or epoch in config.snapshots:
        session.checkpoints.keep(epoch, session.stepper.model)
    session.checkpoints.retain({session.progress.best[config.keep_best][1], *config.snapshots})


def log_epoch(config: TrainingConfig, progress: Progress, rows: list[dict]) -> None:
    """One line for an epoch."""
    parts = ", ".join(f"{r['phase']} loss {r['loss']:.4f} IoU {r['iou']:.4f}" for r in rows)
    log.info(
        "epoch %d of %d, step %d: %s, rate %g, level %d, %.1f s",
        progress.epoch,
        config.epochs,
        progress.step,
        parts,
        rows[0]["lr"],
        rows[0]["level"],
        sum(row["seconds"] for row in rows),
    )
