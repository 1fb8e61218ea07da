"""Shuffled batches for training: Segmill's shards against WebDataset and a raw memory map.

2000 samples of 256 x 256 x 3 uint8 with a uint8 mask, cut from photographs that scikit-image ships,
are written in each format and read back in random batches of 8, in the training process. Every
reader is measured in the same rounds, one after another; printed are medians and ratios of those
rounds. The page cache is warm: what is compared is the work of the readers, not the disk.

Usage: python benchmarks/shard_reading.py [--samples 2000] [--rounds 5]
"""

import argparse
import io
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import webdataset
from skimage import color, data, filters

from segmill.store import FieldSpec, Sample, StorePlan, write_store

SIZE = 256
BATCH = 8


class Photographs:
    """Random crops of photographs with an Otsu mask each, as the producer of a store."""

    def __init__(self, n: int, compression: str):
        self.n, self.compression = n, compression
        self.sources = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]

    def plan(self) -> StorePlan:
        """One row per crop."""
        table = pd.DataFrame({"sample_id": [f"{i:06d}" for i in range(self.n)]})
        table = table.assign(group="g", split="train", source="scikit-image", frame=0)
        fields = {"image": FieldSpec("uint8", 3), "semantic": FieldSpec("uint8")}
        return StorePlan(table, fields, SIZE, SIZE, {}, compression=self.compression)

    def sample(self, i: int) -> Sample:
        """Crop number i."""
        rng = np.random.default_rng(i)
        source = self.sources[i % len(self.sources)]
        y, x = (rng.integers(0, side - SIZE + 1) for side in source.shape[:2])
        image = np.ascontiguousarray(source[y : y + SIZE, x : x + SIZE])
        grey = color.rgb2gray(image)
        return Sample(image, semantic=(grey > filters.threshold_otsu(grey)).astype(np.uint8))


def write_memmap(folder: Path, producer: Photographs) -> dict[str, np.ndarray]:
    """Raw arrays on disk, mapped into memory."""
    for name, shape in (("image", (SIZE, SIZE, 3)), ("semantic", (SIZE, SIZE))):
        array = np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", np.uint8, (producer.n, *shape)
        )
        for i in range(producer.n):
            array[i] = producer.sample(i).arrays()[name]
        array.flush()
    return {k: np.load(folder / f"{k}.npy", mmap_mode="r") for k in ("image", "semantic")}


def write_tar(path: Path, producer: Photographs, compressed: bool) -> None:
    """A WebDataset shard: npy members, or npz members (deflate), which is what it offers."""
    with tarfile.open(path, "w") as tar:
        for i in range(producer.n):
            sample = producer.sample(i)
            for name, array in (("image", sample.image), ("semantic", sample.semantic)):
                content = io.BytesIO()
                if compressed:
                    np.savez_compressed(content, array=array)
                else:
                    np.save(content, array)
                suffix = "npz" if compressed else "npy"
                info = tarfile.TarInfo(f"{i:06d}.{name}.{suffix}")
                info.size = content.tell()
                content.seek(0)
                tar.addfile(info, content)


def read_store(store, order) -> None:
    """Random batches from shards."""
    for k in range(0, len(order), BATCH):
        store.batch(order[k : k + BATCH], ("image", "semantic"))


def read_memmap(arrays, order) -> None:
    """Random batches from a memory map."""
    for k in range(0, len(order), BATCH):
        for array in arrays.values():
            array[order[k : k + BATCH]]


def read_tar(path: Path, compressed: bool) -> None:
    """WebDataset's way: samples in file order through a shuffle buffer, then batches."""
    suffix = "npz" if compressed else "npy"
    dataset = webdataset.WebDataset(str(path), shardshuffle=False).shuffle(256).decode()
    batch: dict[str, list] = {"image": [], "semantic": []}
    for sample in dataset:
        for name, arrays in batch.items():
            value = sample[f"{name}.{suffix}"]
            arrays.append(value["array"] if compressed else value)
        if len(batch["image"]) == BATCH:
            for name in batch:
                np.stack(batch[name])
                batch[name] = []


def main() -> None:
    """Write every format, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        readers, sizes = prepare(folder, options.samples)
        times: dict[str, list[float]] = {reader: [] for reader in readers}
        rng = np.random.default_rng(0)
        for _ in range(options.rounds):
            order = rng.permutation(options.samples)
            for reader, read in readers.items():
                start = time.perf_counter()
                read(order)
                times[reader].append((time.perf_counter() - start) / options.samples * 1e3)
    report(times, sizes)


def prepare(folder: Path, n: int):
    """Readers by name, and bytes on disk by name."""
    readers, sizes = {}, {}
    arrays = write_memmap(folder, Photographs(n, "none"))
    readers["memmap"] = lambda order: read_memmap(arrays, order)
    sizes["memmap"] = sum(array.nbytes for array in arrays.values())
    for codec in ("none", "lz4", "zstd"):
        store = write_store(folder / codec, Photographs(n, codec), workers=2)
        readers[f"segmill {codec}"] = lambda order, store=store: read_store(store, order)
        sizes[f"segmill {codec}"] = sum(
            file.stat().st_size for file in store.path.rglob("*") if file.is_file()
        )
    for kind, compressed in (("npy", False), ("npz", True)):
        path = folder / f"{kind}.tar"
        write_tar(path, Photographs(n, "none"), compressed)
        readers[f"webdataset {kind}"] = lambda order, p=path, c=compressed: read_tar(p, c)
        sizes[f"webdataset {kind}"] = path.stat().st_size
    return readers, sizes


def report(times: dict[str, list[float]], sizes: dict[str, int]) -> None:
    """Medians, and ratios to the memory map and to WebDataset."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'reader':<16}{'ms/sample':>10}{'x memmap':>10}{'MiB':>8}")
    for name, median in medians.items():
        ratio = median / medians["memmap"]
        print(f"{name:<16}{median:>10.3f}{ratio:>10.1f}{sizes[name] / 2**20:>8.0f}")
    for peer, own in (("npy", "none"), ("npz", "lz4"), ("npz", "zstd")):
        ratio = medians[f"webdataset {peer}"] / medians[f"segmill {own}"]
        print(f"segmill {own}: {ratio:.1f} x the samples/s of webdataset {peer}")


if __name__ == "__main__":
    main()
