"""The pages in a real browser: images load, scripts run, tables sort, figures open."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from segmill.report.html import build_report

from .test_html import study  # noqa: F401

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome"),
]

WATCH = """<script>
window.problems = [];
window.addEventListener("error", function (event) {
  window.problems.push(event.message || "cannot load " + event.target.src);
}, true);
</script>
"""
INSPECT = """<script>
window.addEventListener("load", function () {
  var found = { problems: window.problems, images: {} };
  document.querySelectorAll("img").forEach(function (image) {
    found.images[image.getAttribute("src")] = image.naturalWidth;
  });
  try { ACTIONS } catch (error) { found.problems.push(String(error)); }
  document.documentElement.setAttribute("data-found", JSON.stringify(found));
});
</script>
"""
SORT_TWICE = """
  var table = document.querySelector("#table-main");
  var rows = function () {
    return Array.from(table.tBodies[0].rows, function (row) { return row.cells[0].textContent; });
  };
  var buttons = Array.from(table.querySelectorAll("button.sort"));
  found.buttons = buttons.map(function (button) { return button.textContent; });
  var last = Array.from(table.querySelectorAll("thead tr:nth-child(2) button.sort")).pop();
  last.click();
  found.ascending = rows();
  last.click();
  found.descending = rows();
  found.state = last.closest("th").getAttribute("aria-sort");
  buttons.filter(function (button) { return button.textContent === "ours"; })[0].click();
  found.empty_last = rows();
"""
ENLARGE = """
  var dialog = document.querySelector("dialog");
  found.before = dialog.open;
  document.querySelector("a.enlarge").click();
  found.after = dialog.open;
  found.shown = dialog.querySelector("img").src.split("/").slice(-2).join("/");
  found.data = dialog.querySelector("a.csv").href.split("/").slice(-2).join("/");
"""


def inspect(page, profile, actions=""):
    """Open a page of the report with a watch for errors in its head; what the scripts found."""
    text = page.read_text("utf-8").replace("<head>", "<head>" + WATCH)
    watched = page.with_name("watched-" + page.name)
    watched.write_text(
        text.replace("</body>", INSPECT.replace("ACTIONS", actions) + "</body>"), "utf-8"
    )
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={profile}",
    ]
    command += ["--virtual-time-budget=10000", "--dump-dom", watched.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, f"the page did not finish loading: {done.stdout[:500]} {done.stderr[-500:]}"
    return json.loads(unescape(found[1]))


@pytest.mark.parametrize("name", ["index.html", "cells.html"])
def test_images_load_and_scripts_run(study, tmp_path, name):  # noqa: F811
    build_report(tmp_path / "out", [study])
    found = inspect(tmp_path / "out" / name, tmp_path / "profile")
    assert found["problems"] == []
    assert len(found["images"]) == {"index.html": 1, "cells.html": 4}[name]
    assert all(width > 0 for width in found["images"].values()), found["images"]


def test_a_missing_image_is_noticed(study, tmp_path):  # noqa: F811
    build_report(tmp_path / "out", [study])
    (tmp_path / "out" / "cells" / "two.svg").unlink()
    found = inspect(tmp_path / "out" / "cells.html", tmp_path / "profile")
    assert found["images"]["cells/two.svg"] == 0
    assert len(found["problems"]) == 1


def test_tables_sort_by_number_and_leave_empty_cells_last(study, tmp_path):  # noqa: F811
    build_report(tmp_path / "out", [study])
    found = inspect(tmp_path / "out" / "cells.html", tmp_path / "profile", SORT_TWICE)
    assert found["problems"] == []
    assert found["buttons"] == ["Method", "IoU", "ours", "publ.*", "ours", "publ.*"]
    assert found["ascending"] == ["Otsu", "Net <b>"]
    assert found["descending"] == ["Net <b>", "Otsu"]
    assert found["state"] == "descending"
    assert found["empty_last"] == ["Net <b>", "Otsu"]


def test_a_click_enlarges_a_figure(study, tmp_path):  # noqa: F811
    build_report(tmp_path / "out", [study])
    found = inspect(tmp_path / "out" / "cells.html", tmp_path / "profile", ENLARGE)
    assert found["problems"] == []
    assert (found["before"], found["after"]) == (False, True)
    assert (found["shown"], found["data"]) == ("cells/one.svg", "cells/one.csv")
