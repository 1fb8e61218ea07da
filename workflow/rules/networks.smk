# What is measured on networks beside their accuracy: cost and receptive fields, invariance to place
# and to tiling, and what post-processing of their class maps gains.


rule networks:
    output:
        "results/networks/{study}.parquet",
    log:
        "logs/networks/{study}.log",
    benchmark:
        "results/benchmarks/networks/{study}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 6000 * attempt,
        runtime=60,
    params:
        networks=lambda wc: LOOK.networks(wc.study),
        code=stage_code("networks"),
    message:
        "Describing the networks of {wildcards.study}"
    script:
        "../../scripts/networks.py"


rule invariance:
    input:
        unpack(lambda wc: LOOK.invariance_inputs(wc.study, wc.figure)),
    output:
        "results/invariance/{study}/{figure}.parquet",
    log:
        "logs/invariance/{study}/{figure}.log",
    benchmark:
        "results/benchmarks/invariance/{study}/{figure}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 6000 * attempt,
        runtime=60,
    params:
        invariance=lambda wc: LOOK.invariance(wc.study, wc.figure),
        code=stage_code("invariance"),
    message:
        "Measuring {wildcards.figure} of {wildcards.study}"
    script:
        "../../scripts/invariance.py"


rule postprocess_classes:
    input:
        val="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.val.parquet",
        test="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.parquet",
        truth="results/stores/{dataset}.parquet",
    output:
        "results/postprocessed/{study}/{experiment}/seed{seed}/{dataset}.parquet",
        tried="results/postprocessed/{study}/{experiment}/seed{seed}/{dataset}.choice.csv",
    log:
        "logs/postprocessed/{study}/{experiment}/seed{seed}/{dataset}.log",
    benchmark:
        "results/benchmarks/postprocess_classes/{study}/{experiment}/seed{seed}/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=60,
    params:
        choose=lambda wc: LOOK.class_choice(wc.study, wc.experiment),
        store="results/postprocessed/{study}/{experiment}/seed{seed}/{dataset}.zarr",
        code=stage_code("choose_classes"),
    message:
        "Post-processing {wildcards.study}/{wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/postprocess_classes.py"


use rule evaluation as postprocessed_evaluation with:
    input:
        prediction="results/postprocessed/{study}/{experiment}/seed{seed}/{dataset}.parquet",
        truth="results/stores/{dataset}.parquet",
    output:
        "results/metrics/{study}/postprocessed/{experiment}/seed{seed}/{dataset}.parquet",
    log:
        "logs/metrics/{study}/postprocessed/{experiment}/seed{seed}/{dataset}.log",
    benchmark:
        "results/benchmarks/evaluation/{study}/postprocessed/{experiment}/seed{seed}/{dataset}.tsv"
