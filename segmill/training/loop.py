"""The training of one network, from shards to a run folder."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from segmill.models.bundle import ModelBundle
from segmill.progress import log
from segmill.provenance import git_commit, versions
from segmill.store import Store
from segmill.training.checkpoint import Checkpoints
from segmill.training.config import TrainingConfig
from segmill.training.data import BatchMaker, ReadAhead
from segmill.training.distributed import Processes
from segmill.training.epochs import finish_epoch, train_epoch, validate
from segmill.training.gradient_check import check_gradients
from segmill.training.metrics import task_of
from segmill.training.numerics import device_type, numerics
from segmill.training.optimizers import build_optimizer
from segmill.training.outputs import RunFolder, history_row
from segmill.training.precision import Precision, resolve
from segmill.training.progress import Progress
from segmill.training.schedule import Schedule
from segmill.training.selection import chosen_samples
from segmill.training.session import Session
from segmill.training.setup import (
    check_data,
    identity_of,
    initial_model,
    notion_weights,
    output_names,
)
from segmill.training.signals import SignalWatch
from segmill.training.statistics import measure_statistics
from segmill.training.steps import Stepper
from segmill.training.stream import Stream, active_levels, levels_of, validation_batches


def train(
    config: TrainingConfig,
    train_store: Store,
    validation_store: Store,
    run_dir: str | Path,
    checkpoint_dir: str | Path,
    resume: bool = True,
) -> dict:
    """Train a network and write its run folder; go on where an earlier, killed call stopped.

    Weights come from, in this order: the training's own checkpoint, the file `pretrained` of the
    settings, random numbers. A checkpoint of other settings, data or code is not used, and the log
    says in what it differs. A killed and resumed training ends with the bits of an uninterrupted
    one on a CPU, and on a GPU with `deterministic`; only the seconds of its history differ.

    Parameters
    ----------
    config : all settings
    train_store, validation_store : shards; all of their samples are used, but for `fraction`
    run_dir : folder for model.pt (best epoch), last.pt, snapshots.pt, history.parquet, config.json
        and curves for TensorBoard
    checkpoint_dir : folder for checkpoints, to outlive a killed job
    resume : False: never read a checkpoint

    Returns
    -------
    dict
        epochs, steps, best_epoch, best (value of `keep_best`), stopped ("epochs" or "early stop"),
        resumed_at (step; 0 from scratch).

    Raises
    ------
    ConfigError
        When settings and shards do not fit each other; every offence is named.
    TrainingError
        For a loss or gradient that is not finite, a sample that cannot be read, pretrained weights
        of another network, or too little memory on a GPU.
    Terminated
        A SystemExit with code 128 + signal after SIGTERM or SIGINT, the state saved.
    """
    kind = device_type(config.device)
    processes = Processes.start(kind, config.timeout_minutes)
    with (
        numerics(config, kind),
        SignalWatch() as signals,
        ThreadPoolExecutor(config.readers, "segmill-reader") as threads,
    ):
        # ------------------------------------------------------------------ the data
        processes.check(config.batch_size)
        check_data(config, train_store, validation_store)
        samples = chosen_samples(train_store, config.fraction, config.seed)
        groups = train_store.table["group"].iloc[samples].nunique()
        log.info("%d training samples of %d groups", len(samples), groups)
        mean, std = measure_statistics(train_store, samples, threads)
        weights = notion_weights(config, train_store, samples, threads)
        train_maker, validation_maker = (
            BatchMaker(store, config.needs, config.weights, mean, std)
            for store in (train_store, validation_store)
        )

        # ------------------------------------------------------------------ the network
        device = torch.device(kind, processes.local_rank) if kind == "cuda" else torch.device(kind)
        model = initial_model(config, train_store)
        stepper = build_stepper(config, model, train_maker, device, processes, weights)

        # ------------------------------------------------------------------ its own checkpoint
        identity = identity_of(config, train_store, validation_store, weights)
        session = Session(
            stepper=stepper,
            schedule=Schedule(config.schedule, config.epochs),
            processes=processes,
            checkpoints=Checkpoints(Path(checkpoint_dir), identity, config.checkpoint_minutes),
            run=RunFolder(run_dir, config.tensorboard),
            signals=signals,
        )
        state = session.checkpoints.load() if resume else None
        if state is not None:
            session.restore(state)
            log.info("resumed in epoch %d, step %d", session.progress.epoch, session.progress.step)
        resumed_at = session.progress.step
        if processes.is_first:
            session.run.start_curves(session.progress.history)

        # ------------------------------------------------------------------ the epochs
        train_reader = ReadAhead(train_maker, threads, config.read_ahead)
        validation = validation_batches(
            np.arange(len(validation_store)),
            config.batch_size,
            config.validation_steps,
            config.seed,
        )
        validation_reader = ReadAhead(validation_maker, threads, config.read_ahead)
        validation_reader.follow(
            lambda n: processes.share(validation[n]) if n < len(validation) else None
        )
        levels = levels_of(train_store)[samples]
        names = output_names(train_store, config.needs)
        stream = None
        while not session.progress.finished:
            progress = session.progress
            active = active_levels(levels, config.curriculum, progress.unlocked)
            key = ",".join(map(str, active))
            if stream is None or stream.key != key:
                chosen = samples[np.isin(levels, active)]
                stream = Stream(chosen, config.batch_size, config.seed, key)
                train_reader.follow(_shares(stream, processes))
            train_epoch(config, session, stream, train_reader, validation_reader)
            sums = validate(session, validation, validation_reader)
            rate = session.schedule.rate(progress.epoch)
            rows = [
                history_row(progress, phase, part, names, rate, max(active))
                for phase, part in (("train", progress.sums), ("val", sums))
            ]
            finish_epoch(config, session, rows)
            session.pause(progress.sums)
        session.save()

        # ------------------------------------------------------------------ the run folder
        train_reader.close()
        validation_reader.close()
        if processes.is_first:
            write_run(config, session, identity, train_store, mean, std)
        processes.finish()
    return summary(config, session.progress, resumed_at)


def _shares(stream: Stream, processes: Processes) -> Callable[[int], np.ndarray]:
    """The samples of this process in each batch of a stream."""
    return lambda number: processes.share(stream.batch(number))


def build_stepper(
    config: TrainingConfig,
    model: torch.nn.Module,
    maker: BatchMaker,
    device: torch.device,
    processes: Processes,
    weights: tuple[float, ...] | None = None,
) -> Stepper:
    """Put the network on its device and build what trains it, its gradients checked.

    `weights` are those of notions that were measured, if any.
    """
    model = model.to(device)
    loss = config.build_loss(weights).to(device)
    precision = resolve(config.precision, model, device)

    def two_samples() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        batch = maker(np.arange(min(2, len(maker.store)))).to(device, Precision())
        return batch.image, batch.truth

    check_gradients(model, two_samples, loss, precision)
    precision.prepare(model)
    optimizer = config.optimizer
    return Stepper(
        model=model,
        wrapped=processes.wrap(model, device),
        loss=loss,
        task=task_of(config.needs),
        optimizer=build_optimizer(optimizer.name, model.parameters(), optimizer.options),
        scaler=precision.scaler(device),
        precision=precision,
        device=device,
        processes=processes,
        pieces=config.accumulate,
        clip_norm=config.clip_norm,
    )


def write_run(
    config: TrainingConfig,
    session: Session,
    identity: dict,
    store: Store,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> None:
    """Write all files of the run folder."""
    progress, model = session.progress, session.stepper.model
    made_with = {"versions": versions(), "commit": git_commit()}
    kept = session.checkpoints.kept
    best = progress.best[config.keep_best][1]
    snapshots = {epoch: kept[epoch] for epoch in sorted(config.snapshots) if epoch in kept}
    snapshots[progress.epoch] = {k: t.detach().cpu() for k, t in model.state_dict().items()}
    weights = identity["notion_weights"]
    bundle = ModelBundle(
        model=model,
        classes=output_names(store, config.needs),
        preprocessing=store.attributes.get("preprocessing") or {},
        mean=mean,
        std=std,
        task=task_of(config.needs),
        config=config.to_dict(),
        **made_with,
        notes={
            "epoch": progress.epoch,
            "step": progress.step,
            **({"notion_weights": weights} if weights else {}),
        },
    )
    session.run.write_history(progress.history)
    session.run.write_weights(bundle, (best, kept[best]), snapshots)
    session.run.write_json("config.json", {**identity, "mean": mean, "std": std, **made_with})
    session.run.close()


def summary(config: TrainingConfig, progress: Progress, resumed_at: int) -> dict:
    """What :func:`train` returns."""
    value, epoch = progress.best[config.keep_best]
    return {
        "epochs": progress.epoch,
        "steps": progress.step,
        "best_epoch": epoch,
        "best": value,
        "stopped": progress.finished,
        "resumed_at": resumed_at,
    }
