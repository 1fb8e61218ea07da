# Classical alignment: how each sweep of a dataset moves over the rotation. One row of fits per sweep.


rule alignment:
    input:
        "results/stores/{dataset}.parquet",
    output:
        "results/alignments/{dataset}/{method}.parquet",
    log:
        "logs/alignments/{dataset}/{method}.log",
    benchmark:
        "results/benchmarks/alignment/{dataset}/{method}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=60,
    params:
        options=lambda wc: LOOK.classical_options(wc.method),
        code=stage_code("align"),
    message:
        "Aligning the sweeps of {wildcards.dataset} by {wildcards.method}"
    script:
        "../../scripts/align.py"
