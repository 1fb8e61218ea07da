"""Histories, summaries and figures small enough to compute by hand."""

import numpy as np
import pandas as pd
import pytest

from segmill.report.style import new_figure, publication_style, save_figure


def history(epochs: int, offset: float = 0.0, switch: int | None = None) -> pd.DataFrame:
    """A history whose validation IoU grows by 0.01 an epoch, starting at `offset`."""
    rows = []
    for epoch in range(1, epochs + 1):
        for phase, gap in (("train", 0.02), ("val", 0.0)):
            rows.append(
                {
                    "epoch": epoch,
                    "step": 6 * epoch,
                    "phase": phase,
                    "loss": 1.0 / epoch + offset - gap,
                    "iou": offset + 0.01 * epoch + gap,
                    "lr": 1e-3 if epoch <= 4 else 5e-4,
                    "level": 0 if switch is None or epoch < switch else 1,
                    "samples": 24,
                    "seconds": 0.5,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def histories(tmp_path):
    """Two experiments; the first with a curriculum and two seeds of 8 and 6 epochs."""
    files = {}
    for name, seed, table in (
        ("cl", 1, history(8, 0.10, switch=5)),
        ("cl", 2, history(6, 0.20, switch=4)),
        ("plain", 1, history(7, 0.05)),
    ):
        path = tmp_path / "runs" / name / f"seed{seed}" / "history.parquet"
        path.parent.mkdir(parents=True)
        table.to_parquet(path)
        files.setdefault(name, {})[seed] = path
    return files


def summary(**values: float) -> pd.DataFrame:
    """A summary of 12 images with intervals of +- 0.1."""
    return pd.DataFrame(
        {
            "metric": list(values),
            "value": list(values.values()),
            "low": [v - 0.1 for v in values.values()],
            "high": [v + 0.1 for v in values.values()],
            "images": 12,
        }
    )


@pytest.fixture
def summaries():
    """Three seeds with a curriculum, two without, one classical method."""
    return {
        "cl": {
            1: summary(iou=0.70, seg=0.60),
            2: summary(iou=0.74, seg=0.66),
            3: summary(iou=0.78, seg=0.69),
        },
        "plain": {1: summary(iou=0.60, seg=0.50), 2: summary(iou=0.70, seg=0.52)},
        "classical": {0: summary(iou=0.55, seg=0.45)},
    }


LAYOUT = {
    "title": "Curriculum",
    "columns": [
        {"column": "iou_cl", "label": "IoU", "metric": "iou", "variant": "cl", "group": "with"},
        {"column": "seg_cl", "label": "SEG", "metric": "seg", "variant": "cl", "group": "with"},
        {"column": "iou_no", "label": "IoU", "metric": "iou", "variant": "no", "group": "without"},
    ],
    "rows": [
        {"row": "net", "label": "Net <b>", "experiments": {"cl": "cl", "no": "plain"}},
        {"row": "classical", "label": "Otsu", "experiments": {"no": "classical"}, "trained": False},
    ],
    "published": [
        {"row": "net", "column": "iou_cl", "value": "0.760"},
        {"row": "net", "column": "seg_cl", "value": 0.77, "note": "Counts the background."},
    ],
    "citation": "Somebody, 2019",
    "notes": ["Other images."],
}


@pytest.fixture
def simple_figure(tmp_path):
    """A function that saves a line plot under a name and returns its files."""

    def save(name: str = "line", folder=tmp_path / "figures"):
        with publication_style():
            figure = new_figure(60, 40)
            ax = figure.subplots()
            values = np.random.default_rng(0).random(20)
            ax.plot(values, label="x")
            ax.legend()
            return save_figure(figure, folder / f"{name}.svg", pd.DataFrame({"y": values}))

    return save
