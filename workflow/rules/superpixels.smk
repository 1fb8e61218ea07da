# Superpixels of what a network painted, superpixels against all annotators of each image, and how
# their metrics go with their number. Superpixels of the images themselves: classical.smk.


rule superpixels:
    input:
        "results/predictions/{study}/{experiment}/seed{seed}/{dataset}.parquet",
    output:
        "results/superpixels/{study}/{experiment}/seed{seed}/{method}/{dataset}.parquet",
    log:
        "logs/superpixels/{study}/{experiment}/seed{seed}/{method}/{dataset}.log",
    benchmark:
        "results/benchmarks/superpixels/{study}/{experiment}/seed{seed}/{method}/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=60,
    params:
        producer=lambda wc, input: LOOK.superpixel_producer(input[0], wc.method),
        store="results/superpixels/{study}/{experiment}/seed{seed}/{method}/{dataset}.zarr",
        code=stage_code("superpixels"),
    message:
        "Dividing what {wildcards.study}/{wildcards.experiment}, seed {wildcards.seed}, painted of {wildcards.dataset}"
    script:
        "../../scripts/store.py"


rule superpixel_evaluation:
    input:
        found="results/superpixels/{study}/{experiment}/seed{seed}/{method}/{dataset}.parquet",
        truth="results/stores/{dataset}.parquet",
    output:
        "results/superpixel_metrics/{study}/{experiment}/seed{seed}/{method}/{dataset}.parquet",
    log:
        "logs/superpixel_metrics/{study}/{experiment}/seed{seed}/{method}/{dataset}.log",
    benchmark:
        "results/benchmarks/superpixel_evaluation/{study}/{experiment}/seed{seed}/{method}/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=stage_code("superpixel_evaluation"),
    message:
        "Measuring the superpixels of {wildcards.study}/{wildcards.experiment}, seed {wildcards.seed}, on {wildcards.dataset}"
    script:
        "../../scripts/evaluate_superpixels.py"


use rule superpixel_evaluation as classical_superpixel_evaluation with:
    input:
        found="results/classical/{dataset}/{method}.parquet",
        truth="results/stores/{dataset}.parquet",
    output:
        "results/superpixel_metrics/classical/{method}/{dataset}.parquet",
    log:
        "logs/superpixel_metrics/classical/{method}/{dataset}.log",
    benchmark:
        "results/benchmarks/superpixel_evaluation/classical/{method}/{dataset}.tsv"
    message:
        "Measuring the superpixels of {wildcards.method} on {wildcards.dataset}"


rule superpixel_numbers:
    input:
        "results/stores/{dataset}.parquet",
    output:
        "results/superpixel_numbers/{study}/{figure}/{dataset}.parquet",
    log:
        "logs/superpixel_numbers/{study}/{figure}/{dataset}.log",
    benchmark:
        "results/benchmarks/superpixel_numbers/{study}/{figure}/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        methods=lambda wc: LOOK.figure_settings(wc.study, wc.figure)["methods"],
        numbers=lambda wc: LOOK.figure_settings(wc.study, wc.figure)["numbers"],
        code=stage_code("superpixel_numbers"),
    message:
        "Measuring superpixels of {wildcards.dataset} against their number"
    script:
        "../../scripts/superpixel_numbers.py"
