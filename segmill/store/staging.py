"""Writing a store in parts by parallel jobs, and moving it into place when it is complete.

`create` lays out an empty group at ``NAME.zarr.partial``; any number of `fill` jobs write whole
shards of their own into it, as :mod:`segmill.store.shards` does; `finalise` checks that all of them
are there and moves group and table into place. The layout follows from the plan alone: the number
of parts changes no bit of the store.
"""

import itertools
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zarr

from segmill.errors import StoreError
from segmill.progress import log, timed, track
from segmill.samples import Sample
from segmill.store.hashing import FORMAT, content_hash, sample_digest
from segmill.store.paths import StorePaths, store_paths
from segmill.store.plan import PartPlan, Producer, ShardLayout, StorePlan
from segmill.store.plan_file import read_part, read_plan, write_plan
from segmill.store.reader import Store, open_store
from segmill.store.shards import CODECS, Chunk, ShardFile, encode, shard_path

# Samples for each worker that are begun before they are taken.
SAMPLES_PER_WORKER = 4


def create(path: str | Path, plan: StorePlan) -> Path:
    """Lay out an empty store at ``NAME.zarr.partial``; an older unfinished one is removed.

    Returns the path of the plan file beside it. Raises StoreError if the plan breaks the contract.
    """
    plan.check()
    paths = store_paths(path)
    discard_partial(path)
    paths.partial.parent.mkdir(parents=True, exist_ok=True)
    group = zarr.create_group(paths.partial, zarr_format=3)
    for name in plan.fields:
        _create_array(group, name, plan)
    extent = (len(plan), 2)
    group.create_array("extent", shape=extent, chunks=extent, dtype="int32", fill_value=0)
    return write_plan(paths, plan)


def discard_partial(path: str | Path) -> None:
    """Remove what an unfinished writing of this store has left; a finished store stays."""
    paths = store_paths(path)
    for leftover in (paths.partial, paths.plan):
        if leftover.exists():
            shutil.rmtree(leftover)


def _create_array(group: zarr.Group, name: str, plan: StorePlan) -> None:
    shape = plan.shape(name)
    has_channels = plan.fields[name].channels is not None
    group.create_array(
        name,
        shape=shape,
        chunks=(1, *shape[1:]),
        shards=(plan.shard_samples, *shape[1:]),
        dtype=plan.fields[name].dtype,
        compressors=CODECS[plan.compression],
        fill_value=0,
        dimension_names=("sample", "row", "column") + (("channel",) if has_channels else ()),
    )


def fill(
    path: str | Path, producer: Producer, part: int = 0, parts: int = 1, workers: int = 1
) -> dict:
    """Make and write the samples of one part; return the manifest that `finalise` wants.

    Every shard is read back and its checksums are compared before it counts as written. A part
    that was killed is simply filled again. `workers` threads make and encode samples at once; they
    change no result.

    Raises
    ------
    StoreError
        naming store and sample, when a sample cannot be made or breaks the plan.
    """
    paths = store_paths(path)
    plan = read_part(paths, part, parts)
    if hasattr(producer, "take_rows"):
        producer.take_rows(plan.rows)
    rows: list[dict] = []
    what = f"{paths.group}, part {part + 1} of {parts}"
    todo = list(plan.rows.index)
    made = iter(track(_make(producer, plan, todo, workers), total=len(todo), what=what))
    finished: Future | None = None
    with timed(f"{what}: {len(todo)} samples"), ThreadPoolExecutor(1) as finisher:
        for shard in plan.shards:
            written = _write_shard(paths.partial, plan, shard, made, rows)
            if finished is not None:
                finished.result()
            # While one shard is read back, the next one is written.
            finished = finisher.submit(_finish, written)
        if finished is not None:
            finished.result()
    files = {
        name: size for shard in plan.shards for name, size in _files(paths.partial, plan, shard)
    }
    return {"part": part, "parts": parts, "rows": rows, "files": files}


def _members(plan: ShardLayout, shard: int) -> range:
    return plan.members(range(shard, shard + 1))


def _make(
    producer: Producer, plan: PartPlan, indices: list[int], workers: int
) -> Iterator[tuple[dict[str, Chunk | None], dict]]:
    """Encoded samples and their rows of the manifest, in order, made `workers` at a time.

    Few are made ahead of what is taken, which bounds the memory.
    """
    left = iter(indices)
    pool = ThreadPoolExecutor(workers)
    try:
        ahead = itertools.islice(left, workers * SAMPLES_PER_WORKER)
        waiting = deque(pool.submit(_make_one, producer, plan, i) for i in ahead)
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(
                pool.submit(_make_one, producer, plan, i) for i in itertools.islice(left, 1)
            )
    finally:
        pool.shutdown(cancel_futures=True)


def _make_one(producer: Producer, plan: PartPlan, i: int) -> tuple[dict[str, Chunk | None], dict]:
    name = plan.rows["sample_id"].loc[i]
    try:
        sample = producer.sample(i)
    except Exception as error:
        raise StoreError(
            f"{type(producer).__name__}: sample {name} (row {i}): {type(error).__name__}: {error}"
        ) from error
    sample.check(name)
    _check_against_plan(sample, plan, name)
    return _encode(sample, plan), _row(i, sample)


def _check_against_plan(sample: Sample, plan: PartPlan, name: str) -> None:
    arrays = sample.arrays()
    offences = []
    if set(arrays) != set(plan.fields):
        offences.append(f"fields {sorted(arrays)}, planned {sorted(plan.fields)}")
    if sample.shape[0] > plan.height or sample.shape[1] > plan.width:
        offences.append(f"size {sample.shape}, planned at most {(plan.height, plan.width)}")
    for field_name, spec in plan.fields.items():
        array = arrays.get(field_name)
        if array is None:
            continue
        channels = array.shape[2] if array.ndim == 3 else None
        if array.dtype.name != spec.dtype or channels != spec.channels:
            offences.append(f"{field_name} {array.dtype} with {channels} channels, planned {spec}")
    if offences:
        raise StoreError(f"sample {name} breaks the plan: " + "; ".join(offences))


def _encode(sample: Sample, plan: PartPlan) -> dict[str, Chunk | None]:
    """Every array of a sample as its shard holds it."""
    return {
        name: encode(_padded(array, plan.shape(name)[1:]), plan.compression)
        for name, array in sample.arrays().items()
    }


def _padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array in one piece, with zeros beyond its size; not copied where it has that shape."""
    if array.shape == shape:
        return np.ascontiguousarray(array)
    room = np.zeros(shape, array.dtype)
    room[: array.shape[0], : array.shape[1]] = array
    return room


def _write_shard(
    partial: Path,
    plan: PartPlan,
    shard: int,
    made: Iterator[tuple[dict[str, Chunk | None], dict]],
    rows: list[dict],
) -> list[ShardFile]:
    """Write the next samples into one shard of every array; their rows are added to `rows`."""
    members = _members(plan, shard)
    files = {}
    for name in plan.fields:
        path = shard_path(partial / name, shard, len(plan.shape(name)))
        files[name] = ShardFile(path, members.start, plan.shard_samples)
    try:
        for place in range(len(members)):
            chunks, facts = next(made)
            for name, chunk in chunks.items():
                files[name].append(place, chunk)
            rows.append(facts)
    except BaseException:
        for file in files.values():
            file.discard()
        raise
    return list(files.values())


def _finish(files: list[ShardFile]) -> None:
    """Read the shards of all arrays back and move them into place; of a bad one, none is left."""
    try:
        for file in files:
            file.finish()
    finally:
        for file in files:
            file.discard()


def _row(i: int, sample: Sample) -> dict:
    return {"row": i, "extent": list(sample.shape), "digest": sample_digest(sample), **sample.notes}


def finalise(path: str | Path, manifests: Iterable[dict]) -> Store:
    """Check that the parts make a whole and move it into place: the group, then its table.

    May be killed and called again. Raises StoreError naming missing samples or shards; the
    unfinished store then stays as it is.
    """
    paths = store_paths(path)
    plan = read_plan(paths)
    manifests = list(manifests)
    facts = _gather(plan, manifests, paths.group)
    table = plan.table.drop(columns=list(plan.hidden))
    table = table.assign(**{k: facts[k].to_numpy() for k in facts if k != "extent"})
    extents = np.array([*facts["extent"]], dtype=np.int32)
    digest = content_hash(table, extents, plan.attributes)
    if paths.partial.exists():
        _check_files(paths.partial, manifests)
        # A part that was killed while it was filled once more leaves an unfinished shard.
        for leftover in paths.partial.rglob("*.partial"):
            leftover.unlink()
        group = zarr.open_group(paths.partial, mode="r+", use_consolidated=False)
        group["extent"][:] = extents
        group.attrs.update(
            {**plan.attributes, "format": FORMAT, "samples": len(plan), "content_hash": digest}
        )
        _replace_group(paths)
    _replace_table(paths, table, digest)
    store = open_store(paths.group)  # compares the content that group and table name
    shutil.rmtree(paths.plan)
    log.info("%s: %d samples, content %s", paths.group, len(plan), digest)
    return store


def _gather(plan: StorePlan, manifests: Iterable[dict], group: Path) -> pd.DataFrame:
    """The rows of all manifests in the order of the table."""
    rows = pd.DataFrame([row for manifest in manifests for row in manifest["rows"]])
    found = [] if rows.empty else sorted(rows["row"])
    if found != list(range(len(plan))):
        missing = sorted(set(range(len(plan))) - set(found))
        repeated = len(found) - len(set(found))
        raise StoreError(
            f"{group}: expected {len(plan)} samples from its parts, found {len(set(found))} "
            f"({repeated} of them twice); missing rows: {missing[:10]}"
        )
    return rows.sort_values("row", ignore_index=True).drop(columns="row")


def _files(partial: Path, plan: ShardLayout, shard: int) -> Iterator[tuple[str, int]]:
    """Files of one shard and their sizes; an array whose values are all zero there has no file."""
    for name in plan.fields:
        for file in sorted((partial / name / "c" / str(shard)).rglob("*")):
            if file.is_file():
                yield file.relative_to(partial).as_posix(), file.stat().st_size


def _check_files(partial: Path, manifests: Iterable[dict]) -> None:
    """Every shard that a part has written and read back is still there, at its size."""
    lost = [
        name
        for manifest in manifests
        for name, size in manifest["files"].items()
        if not (partial / name).is_file() or (partial / name).stat().st_size != size
    ]
    if lost:
        raise StoreError(f"{partial}: shards missing or of another size: {lost[:10]}")


def _replace_group(paths: StorePaths) -> None:
    """Swap the finished group in; without a table nobody takes it for a store yet."""
    paths.table.unlink(missing_ok=True)
    if paths.group.exists():
        old = paths.group.with_name(paths.group.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        paths.group.rename(old)
        paths.partial.rename(paths.group)
        shutil.rmtree(old)
    else:
        paths.partial.rename(paths.group)


def _replace_table(paths: StorePaths, table: pd.DataFrame, digest: str) -> None:
    """Write the table beside the group in one step."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata(
        {**(arrow.schema.metadata or {}), b"segmill_content": digest.encode()}
    )
    temporary = paths.table.with_name(paths.table.name + ".partial")
    pq.write_table(arrow, temporary)
    temporary.replace(paths.table)


def write_store(path: str | Path, producer: Producer, parts: int = 1, workers: int = 1) -> Store:
    """Make a whole store in this process; nothing is left behind when a sample cannot be made."""
    create(path, producer.plan())
    try:
        manifests = [fill(path, producer, part, parts, workers) for part in range(parts)]
        return finalise(path, manifests)
    except BaseException:
        discard_partial(path)
        raise
