"""Shards of Zarr v3, written one encoded sample after the other and verified before they count.

A shard file holds the encoded samples of one array in a row, then an index with the place and
length of each (two uint64), then the CRC-32C of the index (the codec `sharding_indexed`). Samples
are encoded where they are made, by several threads at once, and go to the file as they are: neither
is a shard held in memory, nor is a sample copied into one. Other writers encode a whole shard at
its end.

References
----------
"Sharding codec", Zarr v3 specification, zarr-specs.readthedocs.io.
"""

import os
from pathlib import Path
from typing import NamedTuple

import google_crc32c
import numpy as np
import xxhash
from numcodecs import Blosc, Zstd
from zarr.codecs import BloscCodec, ZstdCodec

from segmill.errors import StoreError

ZSTD_LEVEL, LZ4_LEVEL = 1, 1
# By compression: what the metadata of an array say, and what encodes its samples.
CODECS = {
    "none": None,
    "lz4": BloscCodec(cname="lz4", clevel=LZ4_LEVEL, shuffle="noshuffle"),
    "zstd": ZstdCodec(level=ZSTD_LEVEL),
}
_ENCODERS = {
    "lz4": Blosc(cname="lz4", clevel=LZ4_LEVEL, shuffle=Blosc.NOSHUFFLE),
    "zstd": Zstd(level=ZSTD_LEVEL),
}
# Place and length in the index of a sample whose values are all zero: it has no bytes.
_NOTHING = 2**64 - 1


class Chunk(NamedTuple):
    """One encoded sample of an array, and the XXH3 checksum of its bytes."""

    content: memoryview
    checksum: int


def encode(values: np.ndarray, compression: str) -> Chunk | None:
    """Encode one padded sample; None where it is all zero, since that needs no bytes.

    The chunk may share the memory of `values`, which then must not change any more.

    Parameters
    ----------
    values : C-contiguous array of any dtype of the contract
    compression : a key of `CODECS`
    """
    raw = values.reshape(-1).view(np.uint8)
    # By bytes: a negative zero is not nothing. Most samples differ from zero early.
    if not raw[: 1 << 12].any() and not raw.any():
        return None
    encoder = _ENCODERS.get(compression)
    content = memoryview(raw if encoder is None else encoder.encode(values.reshape(-1))).cast("B")
    return Chunk(content, xxhash.xxh3_64_intdigest(content))


def shard_path(array: Path, shard: int, ndim: int) -> Path:
    """File of shard `shard` of an array with `ndim` axes, which is split along the first alone."""
    return array.joinpath("c", str(shard), *["0"] * (ndim - 1))


class ShardFile:
    """One shard of one array while it is written; under its own name it is whole and verified.

    Parameters
    ----------
    path : the shard's file; it is written beside it, as ``NAME.partial``
    first : number of the shard's first sample, for errors
    places : samples that a shard holds; the last of a store may stay partly empty
    """

    def __init__(self, path: Path, first: int, places: int):
        self.path = path
        self.first = first
        self._partial = path.with_name(path.name + ".partial")
        self._index = np.full((places, 2), _NOTHING, "<u8")
        self._checksums: dict[int, int] = {}
        self._file = None
        self._end = 0

    def append(self, place: int, chunk: Chunk | None) -> None:
        """Write the sample at `place` (from 0) of the shard; places are written once each."""
        if chunk is None:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("wb")
        self._file.write(chunk.content)
        self._index[place] = self._end, chunk.content.nbytes
        self._checksums[place] = chunk.checksum
        self._end += chunk.content.nbytes

    def finish(self) -> None:
        """Complete the file, read all of it back, and move it into place.

        A shard without bytes has no file. Raises StoreError naming a sample that reads back
        differently; nothing is then in the shard's place.
        """
        if self._file is None:
            self.path.unlink(missing_ok=True)
            return
        with self._file as file:
            file.write(self._tail())
            file.flush()
            os.fsync(file.fileno())
        self._verify()
        self._partial.replace(self.path)

    def discard(self) -> None:
        """Remove what has been written so far; a finished shard stays."""
        if self._file is not None:
            self._file.close()
            self._partial.unlink(missing_ok=True)

    def _tail(self) -> bytes:
        """The index and its checksum, as the file shall end."""
        index = self._index.tobytes()
        return index + google_crc32c.value(index).to_bytes(4, "little")

    def _verify(self) -> None:
        """Compare length, index and the checksum of every sample with what was to be written."""
        tail = self._tail()
        length = self._end + len(tail)
        found = self._partial.stat().st_size
        if found != length:
            raise StoreError(f"{self.path}: expected {length} bytes on disk, found {found}")
        buffer = memoryview(bytearray(max(len(tail), *self._index[[*self._checksums], 1].tolist())))
        with self._partial.open("rb") as file:
            for place, checksum in self._checksums.items():
                start, size = self._index[place].tolist()
                file.seek(start)
                if file.readinto(buffer[:size]) != size or _differs(buffer[:size], checksum):
                    raise StoreError(
                        f"{self.path}: sample {self.first + place} reads back differently"
                    )
            file.seek(self._end)
            if file.read() != tail:
                raise StoreError(f"{self.path}: its index reads back differently")


def _differs(content: memoryview, checksum: int) -> bool:
    return xxhash.xxh3_64_intdigest(content) != checksum
