"""Draw one figure."""

from _job import begin
from segmill.report.figures import draw

begin(snakemake)
draw(snakemake.params.figure, dict(snakemake.input.items()), snakemake.output[0])
