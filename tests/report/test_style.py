import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from segmill.report.style import (
    ONE_COLUMN_MM,
    line_styles,
    new_figure,
    publication_style,
    save_figure,
)


def test_csv_round_trip_gives_equal_numbers(tmp_path):
    data = pd.DataFrame({"name": ["a", "b,c"], "x": [0.1 + 0.2, np.pi * 1e-300], "n": [1, 2**62]})
    with publication_style():
        paths = save_figure(new_figure(50, 30), tmp_path / "f.svg", data)
    back = pd.read_csv(paths["csv"])
    pd.testing.assert_frame_equal(back, data, check_exact=True)


def test_equal_figures_give_equal_bytes(simple_figure, tmp_path):
    first = {kind: path.read_bytes() for kind, path in simple_figure("a", tmp_path / "1").items()}
    second = {kind: path.read_bytes() for kind, path in simple_figure("a", tmp_path / "2").items()}
    assert first == second


def test_the_last_bits_of_a_layout_change_no_byte(tmp_path):
    def drawn(name, scale):
        with publication_style():
            figure = new_figure(60, 40)
            figure.set_layout_engine("none")
            ax = figure.add_axes(tuple(scale * x for x in (0.2 + 1 / 70, 0.2, 1 / 3, 0.5)))
            ax.plot([0, 1], [0, 1])
            return save_figure(figure, tmp_path / name, pd.DataFrame({"x": [1]}))

    first, second = drawn("1.svg", 1), drawn("2.svg", 1 + 4e-16)
    assert first["svg"].read_bytes() == second["svg"].read_bytes()


def test_figure_files_hold_no_date(simple_figure):
    paths = simple_figure()
    assert b"<dc:date>" not in paths["svg"].read_bytes()
    assert not {"Software", "Creation Time"} & set(Image.open(paths["png"]).info)


def test_size_on_paper_and_resolution(simple_figure, tmp_path):
    with publication_style():
        figure = new_figure(ONE_COLUMN_MM, 50)
        figure.subplots().plot([0, 1])
        paths = save_figure(figure, tmp_path / "f.svg", pd.DataFrame({"x": [0]}))
    svg = paths["svg"].read_text()
    width, height = (
        float(re.search(rf'{name}="([\d.]+)pt"', svg)[1]) for name in ("width", "height")
    )
    assert (width / 72 * 25.4, height / 72 * 25.4) == pytest.approx((ONE_COLUMN_MM, 50), abs=1e-3)
    image = Image.open(paths["png"])
    assert image.size == (int(ONE_COLUMN_MM / 25.4 * 300), int(50 / 25.4 * 300))
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_text_needs_no_font(simple_figure):
    assert "<text" not in simple_figure()["svg"].read_text()


def test_the_users_own_style_does_not_leak_in(simple_figure, tmp_path):
    import matplotlib as mpl

    expected = simple_figure("a", tmp_path / "1")["svg"].read_bytes()
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30}):
        assert simple_figure("a", tmp_path / "2")["svg"].read_bytes() == expected


def test_a_failure_leaves_neither_new_nor_changed_files(simple_figure, tmp_path):
    paths = simple_figure("a", tmp_path / "figures")
    before = {kind: path.read_bytes() for kind, path in paths.items()}

    class Unwritable(pd.DataFrame):
        def to_csv(self, *args, **kwargs):
            raise OSError("disk full")

    with publication_style(), pytest.raises(OSError, match="disk full"):
        save_figure(new_figure(10, 10), paths["svg"], Unwritable({"x": [1]}))
    assert {kind: path.read_bytes() for kind, path in paths.items()} == before
    assert sorted(path.name for path in paths["svg"].parent.iterdir()) == [
        "a.csv",
        "a.png",
        "a.svg",
    ]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [("f.pdf", {"x": [1]}, r"f\.pdf.*\.svg"), ("f.svg", {}, r"f\.svg.*no columns")],
)
def test_wrong_output_is_named(tmp_path, name, data, message):
    with publication_style(), pytest.raises(ValueError, match=message):
        save_figure(new_figure(10, 10), tmp_path / name, pd.DataFrame(data))
    assert list(tmp_path.iterdir()) == []


def test_line_styles_differ():
    styles = [tuple(style.items()) for style in line_styles(28)]
    assert len(set(styles)) == 28
    assert all(a[0] != b[0] for a, b in pairwise(styles))
