"""Time and peak memory of planning a store and of filling one of its parts; no script itself.

`click_logs.py`, `alignment_logs.py` and `coco_ingestion.py` measure with this. Every stage runs in
a process of its own, so that its peak is known.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TITLES = f"{'rows':>9}{'s':>8}{'CPU s':>8}{'rows/s':>9}{'MiB peak':>10}{'at start':>10}"


def peak_mib() -> float:
    """Largest resident memory of this process so far.

    From the kernel's own account: getrusage also counts what the parent held when it started this
    process.
    """
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def measured(work: Callable[[], int]) -> dict:
    """Seconds, seconds of processor time, and peak memory of work that returns a number of rows."""
    start_mib = peak_mib()
    start, cpu = time.perf_counter(), time.process_time()
    rows = work()
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "rows": rows,
        "start_mib": start_mib,
        "peak_mib": peak_mib(),
    }


def plan(configuration: dict, folder: Path) -> int:
    """Plan the store of a dataset; its number of rows."""
    from segmill.datasets import IngestProducer
    from segmill.store import create

    planned = IngestProducer(configuration, folder).plan()
    create(folder / "store.zarr", planned)
    return len(planned)


def fill_middle_part(configuration: dict, folder: Path, parts: int) -> int:
    """Fill the part in the middle of a planned store; its number of rows."""
    from segmill.datasets import IngestProducer
    from segmill.store import fill

    producer = IngestProducer(configuration, folder)
    manifest = fill(folder / "store.zarr", producer, part=parts // 2, parts=parts)
    return len(manifest["rows"])


def in_a_process(script: str, stage: str, folder: Path, parts: int) -> dict:
    """What `script`, called for one stage, prints as JSON on its last line."""
    arguments = [sys.executable, script, "--stage", stage, "--folder", str(folder)]
    arguments += ["--parts", str(parts)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def line(found: dict) -> str:
    """What was measured, below `TITLES`."""
    rate = found["rows"] / found["seconds"]
    times = f"{found['rows']:>9}{found['seconds']:>8.1f}{found['cpu']:>8.1f}{rate:>9.0f}"
    return f"{times}{found['peak_mib']:>10.0f}{found['start_mib']:>10.0f}"
