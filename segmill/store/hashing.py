"""Digests of what a store holds, independent of compression, shard size and padding."""

import hashlib
import json

import numpy as np
import pandas as pd
import xxhash

from segmill.samples import Sample

# Named by every store; stores of another one have other digests, but are read all the same.
FORMAT = "segmill-store-2"
ROWS_AT_ONCE = 100_000
# Attributes that say what the arrays mean; the others say where they come from.
MEANING = ("classes", "notions", "targets", "units", "preprocessing", "derived")


def sample_digest(sample: Sample) -> str:
    """128-bit XXH3 digest of every array of a sample: name, dtype, shape and values.

    It guards against accidents, not against forgery.
    """
    digest = xxhash.xxh3_128()
    for name, array in sample.arrays().items():
        digest.update(f"{name} {array.dtype.name} {array.shape};".encode())
        digest.update(memoryview(array if array.flags.c_contiguous else array.copy()).cast("B"))
    return digest.hexdigest()


def content_hash(table: pd.DataFrame, extents: np.ndarray, attributes: dict) -> str:
    """Digest of a store: its rows (each with the digest of its sample) and what arrays mean."""
    digest = hashlib.blake2b(digest_size=16)
    meaning = {key: attributes.get(key) for key in MEANING}
    digest.update(json.dumps(meaning, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(extents, dtype=np.int32).data)
    # In slices: the text of a large table would be several times its size.
    for first in range(0, max(1, len(table)), ROWS_AT_ONCE):
        rows = table.iloc[first : first + ROWS_AT_ONCE]
        text = rows.to_csv(
            index=False, header=first == 0, float_format="%.17g", lineterminator="\n"
        )
        digest.update(text.encode())
    return digest.hexdigest()
