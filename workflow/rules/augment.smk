# Stores -> shards of augmented crops for training, and of plain crops for validation.
# A recipe is one file in config/recipes/; its `parts: n` shares the work among n jobs.


rule shards_plan:
    input:
        lambda wc: LOOK.shards_sources(wc.dataset, wc.recipe, wc.split),
    output:
        temp("results/parts/shards/{dataset}/{recipe}/{split}/plan.json"),
    log:
        "logs/shards/{dataset}/{recipe}/{split}/plan.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        producer=lambda wc: LOOK.shards_producer(wc.dataset, wc.recipe, wc.split),
        store="results/shards/{dataset}/{recipe}/{split}.zarr",
        backgrounds=lambda wc: LOOK.background_files(wc.recipe, wc.split),
        code=stage_code("augment"),
    message:
        "Laying out the {wildcards.split} shards of {wildcards.dataset}, recipe {wildcards.recipe}"
    script:
        "../../scripts/store_plan.py"


rule shards_part:
    input:
        "results/parts/shards/{dataset}/{recipe}/{split}/plan.json",
    output:
        temp("results/parts/shards/{dataset}/{recipe}/{split}/{part}of{parts}.json"),
    log:
        "logs/shards/{dataset}/{recipe}/{split}/{part}of{parts}.log",
    benchmark:
        "results/benchmarks/shards_part/{dataset}/{recipe}/{split}/{part}of{parts}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=120,
    params:
        producer=lambda wc: LOOK.shards_producer(wc.dataset, wc.recipe, wc.split),
        store="results/shards/{dataset}/{recipe}/{split}.zarr",
        backgrounds=lambda wc: LOOK.background_files(wc.recipe, wc.split),
        code=stage_code("augment"),
    message:
        "Augmenting part {wildcards.part} of {wildcards.parts} of {wildcards.dataset}"
    script:
        "../../scripts/store_part.py"


rule shards:
    input:
        unpack(lambda wc: LOOK.shards_inputs(wc.dataset, wc.recipe, wc.split)),
    output:
        "results/shards/{dataset}/{recipe}/{split}.parquet",
    log:
        "logs/shards/{dataset}/{recipe}/{split}.log",
    benchmark:
        "results/benchmarks/shards/{dataset}/{recipe}/{split}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=120,
    params:
        producer=lambda wc: LOOK.shards_producer(wc.dataset, wc.recipe, wc.split),
        store="results/shards/{dataset}/{recipe}/{split}.zarr",
        backgrounds=lambda wc: LOOK.background_files(wc.recipe, wc.split),
        code=stage_code("augment"),
    message:
        "Making the {wildcards.split} shards of {wildcards.dataset}, recipe {wildcards.recipe}"
    script:
        "../../scripts/store.py"
