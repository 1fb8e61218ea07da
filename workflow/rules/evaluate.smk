# Predictions and classical labels, compared with the truth: one row of counts per image. Networks
# under turned and scaled images, and their speed.


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


rule robustness:
    input:
        model="results/runs/{study}/{experiment}/seed{seed}/model.pt",
        store="results/stores/{dataset}.parquet",
    output:
        "results/robustness/{study}/{figure}/{experiment}/seed{seed}/{dataset}.parquet",
    log:
        "logs/robustness/{study}/{figure}/{experiment}/seed{seed}/{dataset}.log",
    benchmark:
        "results/benchmarks/robustness/{study}/{figure}/{experiment}/seed{seed}/{dataset}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 6000 * attempt,
        runtime=120,
    params:
        changes=lambda wc: LOOK.changes(wc.study, wc.figure),
        prediction=lambda wc: LOOK.prediction(wc.study, wc.experiment),
        code=lambda wc: LOOK.network_code("robustness", wc.study, wc.experiment),
    message:
        "Turning and scaling {wildcards.dataset} for {wildcards.study}/{wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/robustness.py"


# Times need a machine to themselves: the job asks for all cores of the run.
rule latency:
    input:
        model="results/runs/{study}/{experiment}/seed{seed}/model.pt",
    output:
        "results/latency/{study}/{experiment}/seed{seed}.parquet",
    log:
        "logs/latency/{study}/{experiment}/seed{seed}.log",
    benchmark:
        "results/benchmarks/latency/{study}/{experiment}/seed{seed}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: workflow.cores or 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        latency=lambda wc: LOOK.latency(wc.study, wc.experiment),
        prediction=lambda wc: LOOK.prediction(wc.study, wc.experiment),
        code=lambda wc: LOOK.network_code("latency", wc.study, wc.experiment),
    message:
        "Timing {wildcards.study}/{wildcards.experiment}"
    script:
        "../../scripts/latency.py"
