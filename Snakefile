# Plain `snakemake` in the root of a checkout runs the workflow.
include: "workflow/Snakefile"


# An included file does not set the default target.
rule default:
    default_target: True
    input:
        rules.all.input,
    localrule: True
