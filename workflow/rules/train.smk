# Shards -> trained networks. Checkpoints lie outside the declared outputs, so that a job that was
# killed (time limit, node failure) goes on where it was when Snakemake starts it again.


rule train:
    input:
        train=lambda wc: LOOK.shards(wc.study, wc.experiment, "train"),
        val=lambda wc: LOOK.shards(wc.study, wc.experiment, "val"),
    output:
        multiext(
            "results/runs/{study}/{experiment}/seed{seed}/",
            "model.pt",
            "last.pt",
            "snapshots.pt",
            "history.parquet",
            "config.json",
        ),
    log:
        "logs/train/{study}/{experiment}/seed{seed}.log",
    benchmark:
        "results/benchmarks/train/{study}/{experiment}/seed{seed}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: lambda wc: LOOK.threads(wc.study, wc.experiment)
    resources:
        mem_mb=lambda wc, attempt: 6000 * attempt,
        runtime=480,
    params:
        training=lambda wc: LOOK.training(wc.study, wc.experiment, wc.seed),
        run="results/runs/{study}/{experiment}/seed{seed}",
        checkpoints="results/checkpoints/{study}/{experiment}/seed{seed}",
        code=lambda wc: LOOK.network_code("train", wc.study, wc.experiment),
    message:
        "Training {wildcards.study}/{wildcards.experiment} with seed {wildcards.seed}"
    script:
        "../../scripts/train.py"
