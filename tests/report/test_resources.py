import numpy as np
import pytest

from segmill.errors import IntegrityError
from segmill.report.resources import collect, duration, find

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def benchmark(path, seconds, rss="NA", cpu="NA"):
    """A file as Snakemake writes it for one job; NA stands for a job too short to be sampled."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = "\tNA" if rss == "NA" else "\t1.00"
    path.write_text(f"{HEADER}{seconds}\t0:00:01\t{rss}{rest * 5}{rest}\t{cpu}\n")


def test_jobs_are_summed_up_by_stage(tmp_path):
    benchmark(tmp_path / "train" / "cells" / "seed1.tsv", 10.5, 800.25, 20)
    benchmark(tmp_path / "train" / "cells" / "seed2.tsv", 30, 700, 40)
    benchmark(tmp_path / "report.tsv", 0.25)
    table = collect(find(tmp_path), tmp_path).set_index("stage")
    assert table.loc["train"].tolist() == [2, 40.5, 30, 60, 800.25]
    assert table.loc["report", ["jobs", "seconds", "longest_s"]].tolist() == [1, 0.25, 0.25]
    assert table.loc["report", ["cpu_s", "max_rss_mb"]].isna().all()


def test_a_job_that_was_not_sampled_hides_no_other(tmp_path):
    benchmark(tmp_path / "a" / "1.tsv", 0.1)
    benchmark(tmp_path / "a" / "2.tsv", 5, 100, 4)
    table = collect(find(tmp_path), tmp_path)
    assert table.loc[0, ["seconds", "cpu_s", "max_rss_mb"]].tolist() == pytest.approx([5.1, 4, 100])


def test_no_files_give_an_empty_table(tmp_path):
    assert collect([], tmp_path).empty
    assert not np.size(collect([], tmp_path).to_numpy())


def test_every_bad_file_is_named(tmp_path):
    root = tmp_path / "benchmarks"
    benchmark(root / "good.tsv", 1, 10, 1)
    benchmark(tmp_path / "elsewhere.tsv", 1, 10, 1)
    (root / "columns.tsv").write_text("s\tmax_rss\n1\t2\n")
    (root / "rows.tsv").write_text(HEADER)
    files = [root / "good.tsv", root / "absent.tsv", tmp_path / "elsewhere.tsv"]
    files += [root / "columns.tsv", root / "rows.tsv"]
    with pytest.raises(IntegrityError) as caught:
        collect(files, root)
    assert [problem.file for problem in caught.value.problems] == [str(f) for f in files[1:]]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (3599.7, "1 h 00 min"),
        (90061, "25 h 01 min"),
    ],
)
def test_durations_carry_over(seconds, words):
    assert duration(seconds) == words
