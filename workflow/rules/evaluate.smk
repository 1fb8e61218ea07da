# Predictions and classical labels, compared with the truth: one row of counts per image.


rule evaluation:
    input:
        prediction="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.parquet",
        truth="results/stores/{dataset}.parquet",
    output:
        "results/metrics/{study}/{experiment}/seed{seed}/{dataset}.parquet",
    log:
        "logs/metrics/{study}/{experiment}/seed{seed}/{dataset}.log",
    benchmark:
        "results/benchmarks/evaluation/{study}/{experiment}/seed{seed}/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        evaluation=lambda wc: LOOK.evaluation(wc.study, wc.experiment),
        code=stage_code("evaluate"),
    message:
        "Measuring {wildcards.study}/{wildcards.experiment}, seed {wildcards.seed}, on {wildcards.dataset}"
    script:
        "../../scripts/evaluate.py"


rule classical_evaluation:
    input:
        prediction="results/classical/{dataset}/{method}.parquet",
        truth="results/stores/{dataset}.parquet",
    output:
        "results/metrics/{study}/classical/{method}/{dataset}.parquet",
    log:
        "logs/metrics/{study}/classical/{method}/{dataset}.log",
    benchmark:
        "results/benchmarks/evaluation/{study}/classical/{method}/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        evaluation=lambda wc: LOOK.evaluation(wc.study),
        code=stage_code("evaluate"),
    message:
        "Measuring {wildcards.method} on {wildcards.dataset}"
    script:
        "../../scripts/evaluate.py"
