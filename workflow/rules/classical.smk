# Classical methods: labels without a network, as stores. A method is one file in config/classical/.


rule classical:
    input:
        "results/stores/{dataset}.parquet",
    output:
        "results/classical/{dataset}/{method}.parquet",
    log:
        "logs/classical/{dataset}/{method}.log",
    benchmark:
        "results/benchmarks/classical/{dataset}/{method}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=60,
    params:
        producer=lambda wc: LOOK.classical_producer(wc.dataset, wc.method),
        store="results/classical/{dataset}/{method}.zarr",
        code=stage_code("classical"),
    message:
        "Segmenting {wildcards.dataset} by {wildcards.method}"
    script:
        "../../scripts/store.py"
