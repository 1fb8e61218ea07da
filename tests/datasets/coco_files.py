"""Small COCO data sets on disk."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

CATEGORIES = [
    {"id": 18, "name": "dog", "supercategory": "animal"},
    {"id": 3, "name": "car", "supercategory": "vehicle"},
    {"id": 17, "name": "cat", "supercategory": "animal"},
]


def box(x0, y0, x1, y1):
    """A polygon around pixels x0 .. x1 - 1, y0 .. y1 - 1."""
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def annotation(number, image, category, segmentation, crowd=0):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": crowd,
        "area": 1.0,
        "bbox": [0, 0, 1, 1],
    }


def write_images(folder: Path, shapes: dict, grey=()) -> list[dict]:
    """Image files, and what the annotations say of them; numbers from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for k, (name, (h, w)) in enumerate(shapes.items(), start=1):
        size = (h, w) if name in grey else (h, w, 3)
        values = np.random.default_rng(k).integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(values).save(folder / name, quality=95)
        entries.append({"id": k, "file_name": name, "height": h, "width": w})
    return entries


def write_json(path: Path, images, annotations, categories=CATEGORIES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"info": {"year": 2017}, "images": images, "licenses": [], "type": "instances"}
    content |= {"annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def config(images=None, **coco):
    sets = {"train": {"annotations": "instances.json", "images": "pictures"}}
    return {
        "name": "objects",
        "reader": "coco",
        "coco": {"sets": sets, **coco},
        "images": images or {},
        "split": {"rest": "train"},
    }
