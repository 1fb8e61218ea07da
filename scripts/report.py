"""Write the HTML report."""

from _job import begin
from segmill.report.pages import write_report

begin(snakemake)
write_report(
    snakemake.output[0],
    snakemake.params.studies,
    preset=snakemake.params.preset,
    benchmarks=snakemake.params.benchmarks,
)
