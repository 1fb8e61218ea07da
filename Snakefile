# Plain `snakemake` in the root of a checkout runs the workflow.
include: "workflow/Snakefile"
