# Raw and synthetic datasets -> sample stores. A dataset is one file in config/datasets/.
# A store with `parts: n` is laid out, filled by n jobs, and put together; with one part, made at once.


localrules:
    download,


rule download:
    output:
        "results/downloads/{dataset}.json",
    log:
        "logs/download/{dataset}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        dataset=lambda wc: LOOK.dataset_settings(wc.dataset),
        folder="results/downloads/{dataset}",
    message:
        "Downloading {wildcards.dataset}"
    script:
        "../../scripts/download.py"


rule dataset_plan:
    input:
        lambda wc: LOOK.dataset_inputs(wc.dataset),
    output:
        temp("results/parts/stores/{dataset}/plan.json"),
    log:
        "logs/stores/{dataset}/plan.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        producer=lambda wc: LOOK.dataset_producer(wc.dataset),
        store="results/stores/{dataset}.zarr",
        files=lambda wc: LOOK.dataset_files(wc.dataset),
        code=lambda wc: LOOK.dataset_code(wc.dataset),
    message:
        "Laying out the store of {wildcards.dataset}"
    script:
        "../../scripts/store_plan.py"


rule dataset_part:
    input:
        "results/parts/stores/{dataset}/plan.json",
    output:
        temp("results/parts/stores/{dataset}/{part}of{parts}.json"),
    log:
        "logs/stores/{dataset}/{part}of{parts}.log",
    benchmark:
        "results/benchmarks/dataset_part/{dataset}/{part}of{parts}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=120,
    params:
        producer=lambda wc: LOOK.dataset_producer(wc.dataset),
        store="results/stores/{dataset}.zarr",
        files=lambda wc: LOOK.dataset_files(wc.dataset),
        code=lambda wc: LOOK.dataset_code(wc.dataset),
    message:
        "Filling part {wildcards.part} of {wildcards.parts} of {wildcards.dataset}"
    script:
        "../../scripts/store_part.py"


rule dataset:
    input:
        unpack(lambda wc: LOOK.dataset_store_inputs(wc.dataset)),
    output:
        "results/stores/{dataset}.parquet",
    log:
        "logs/stores/{dataset}.log",
    benchmark:
        "results/benchmarks/dataset/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=120,
    params:
        producer=lambda wc: LOOK.dataset_producer(wc.dataset),
        store="results/stores/{dataset}.zarr",
        files=lambda wc: LOOK.dataset_files(wc.dataset),
        code=lambda wc: LOOK.dataset_code(wc.dataset),
    message:
        "Making the store of {wildcards.dataset}"
    script:
        "../../scripts/store.py"
