"""A COCO annotation file as large as that of 2017: planned whole, one of its parts read; the speed.

Generated are 118 000 images with 860 000 objects: a JSON file of about 430 MB, objects of one image
far apart from each other, one in a hundred a crowd; the images are hard links to a few photographs.
The store is planned, then one of 50 parts is filled, each in a process of its own whose peak memory
is known; the same is done with a tenth of it all. Beside them stand pycocotools, which loads the
file, and Python's json, which parses it.

Speed: samples are made (image decoded, annotations read again, masks painted) in one thread and in
two, alternating with OpenCV, which only decodes the same images.

Usage: python benchmarks/coco_ingestion.py [--images 118000] [--objects 860000] [--folder DIR]
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from _ingestion_cost import TITLES, fill_middle_part, in_a_process, line, measured, plan
from skimage import data

SIZE = (480, 640)
FILES = 16
PARTS = 50
ROUNDS = 5
SPEED_IMAGES = 200


def generate(folder: Path, images: int, objects: int) -> None:
    """Photographs, their links, and ``instances.json``, written as a stream."""
    rng = np.random.default_rng(0)
    (folder / "files").mkdir(parents=True)
    (folder / "images").mkdir()
    photograph = cv2.resize(data.astronaut()[:, :, ::-1], (1280, 1280))
    for k in range(FILES):
        y, x = (rng.integers(0, 1280 - side) for side in SIZE)
        crop = photograph[y : y + SIZE[0], x : x + SIZE[1]]
        crop = np.clip(crop + rng.normal(0, 4, crop.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "files" / f"{k}.jpg"), crop, [cv2.IMWRITE_JPEG_QUALITY, 95])
    with (folder / "instances.json").open("w") as file:
        file.write('{"info": {"year": 2017}, "licenses": [], "images": [')
        for i in range(images):
            name = f"{i + 1:012d}.jpg"
            os.link(folder / "files" / f"{i % FILES}.jpg", folder / "images" / name)
            entry = {"license": 3, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
            entry |= {"coco_url": f"http://images.example/train/{name}", "id": i + 1}
            file.write((", " if i else "") + json.dumps(entry))
        file.write('], "annotations": [')
        for n in range(objects):
            file.write((", " if n else "") + json.dumps(annotation(rng, n + 1, images)))
        names = [{"id": k, "name": f"category {k}"} for k in range(1, 81)]
        file.write('], "categories": ' + json.dumps(names) + "}")


def annotation(rng: np.random.Generator, number: int, images: int) -> dict:
    """A round object with a rough outline, or a crowd of stripes."""
    entry = {"area": 1.0, "image_id": int(rng.integers(1, images + 1)), "bbox": [0, 0, 1, 1]}
    entry |= {"category_id": int(rng.integers(1, 81)), "id": number, "iscrowd": 0}
    if number % 100 == 0:
        runs = np.full(200, SIZE[0] * SIZE[1] // 200)
        runs[-1] += SIZE[0] * SIZE[1] - runs.sum()
        runs = {"counts": runs.tolist(), "size": list(SIZE)}
        return {"segmentation": runs, **entry, "iscrowd": 1}
    corners = int(rng.integers(8, 50))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = np.exp(rng.uniform(1.5, 5)) * rng.uniform(0.8, 1.2, corners)
    centre = rng.uniform(0, 1, 2) * SIZE[::-1]
    points = centre + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = points.clip(0, SIZE[::-1]).round(2)
    return {"segmentation": [points.ravel().tolist()], **entry}


def configuration() -> dict:
    """The dataset."""
    sets = {"train": {"annotations": "instances.json", "images": "images"}}
    return {
        "name": "coco",
        "reader": "coco",
        "coco": {"sets": sets},
        "images": {"channels": "rgb"},
        "split": {"rest": "train"},
    }


def measure(stage: str, folder: Path, parts: int) -> dict:
    """Time and memory of one stage, which is all that this process does."""
    stages = {
        "json": lambda: parsed_by_json(folder / "instances.json"),
        "pycocotools": lambda: loaded_by_pycocotools(folder / "instances.json"),
        "plan": lambda: plan(configuration(), folder),
        "part": lambda: fill_middle_part(configuration(), folder, parts),
    }
    return measured(stages[stage])


def parsed_by_json(path: Path) -> int:
    """Number of images in the file."""
    with path.open() as file:
        return len(json.load(file)["images"])


def loaded_by_pycocotools(path: Path) -> int:
    """Number of images in the file; what pycocotools prints goes to the error stream."""
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(sys.stderr):
        return len(COCO(str(path)).imgs)


def speed(folder: Path) -> None:
    """Samples per second of CPU and of the clock, and OpenCV's."""
    from segmill.datasets import IngestProducer

    cv2.setNumThreads(1)
    producer = IngestProducer(configuration(), folder)
    table = producer.plan().table.iloc[:SPEED_IMAGES]
    paths = [str(folder / source) for source in table["source"]]
    tasks = {"decode": lambda i: cv2.imread(paths[i]), "ingest": producer.sample}
    for threads in (1, 2):
        best: dict[str, tuple[float, float]] = {}
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(ROUNDS):
                for name, task in tasks.items():
                    start, cpu = time.perf_counter(), time.process_time()
                    for _ in pool.map(lambda i, task=task: task(i) is None, range(len(paths))):
                        pass
                    taken = time.perf_counter() - start, time.process_time() - cpu
                    best[name] = tuple(map(min, best.get(name, taken), taken))
        wall, cpu = (best["decode"][k] / best["ingest"][k] for k in (0, 1))
        n = len(paths)
        print(
            f"{threads} threads: OpenCV decodes {n / best['decode'][0]:.0f} images/s, "
            f"{n / best['ingest'][0]:.0f} samples/s are made: {wall:.0%} by the clock, "
            f"{cpu:.0%} by processor time"
        )


def main() -> None:
    """Generate, measure in processes, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=118_000)
    parser.add_argument("--objects", type=int, default=860_000)
    parser.add_argument("--folder", type=Path, help="where to generate, a temporary folder if not")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--parts", type=int, default=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(measure(options.stage, options.folder, options.parts)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        report(Path(name), options.images, options.objects)


def report(folder: Path, images: int, objects: int) -> None:
    """Both sizes, and their ratios; then the speed."""
    found: dict[str, list[dict]] = {s: [] for s in ("json", "pycocotools", "plan", "part")}
    print(f"{'stage':<12}{'images':>8}{TITLES}")
    for share in (10, 1):
        place = folder / f"share_{share}"
        generate(place, images // share, objects // share)
        size = (place / "instances.json").stat().st_size / 2**20
        print(f"{objects // share} objects, {size:.0f} MiB of JSON")
        for stage, results in found.items():
            results.append(in_a_process(__file__, stage, place, max(1, PARTS // share)))
            print(f"{stage:<12}{images // share:>8}{line(results[-1])}", flush=True)
    for stage, (small, large) in found.items():
        ratio = large["peak_mib"] / small["peak_mib"]
        grown = (large["peak_mib"] - small["peak_mib"]) * 2**20 / (images - images // 10)
        print(f"{stage}: {ratio:.2f} x the peak for 10 x the images, {grown:.0f} bytes an image")
    speed(folder / "share_10")


if __name__ == "__main__":
    main()
