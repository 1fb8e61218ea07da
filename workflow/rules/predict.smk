# Trained networks -> predictions: on the test images of a dataset, and on a user's own images.


rule prediction:
    input:
        model="results/runs/{study}/{experiment}/seed{seed}/model.pt",
        store="results/stores/{dataset}.parquet",
    output:
        "results/predictions/{study}/{experiment}/seed{seed}/{dataset}.parquet",
    log:
        "logs/predictions/{study}/{experiment}/seed{seed}/{dataset}.log",
    benchmark:
        "results/benchmarks/prediction/{study}/{experiment}/seed{seed}/{dataset}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 6000 * attempt,
        runtime=60,
    params:
        producer=lambda wc: LOOK.prediction_producer(
            wc.study, wc.experiment, wc.seed, wc.dataset
        ),
        store="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.zarr",
        code=lambda wc: LOOK.network_code("predict", wc.study, wc.experiment),
    message:
        "Predicting {wildcards.dataset} by {wildcards.study}/{wildcards.experiment}, seed {wildcards.seed}"
    script:
        "../../scripts/store.py"


rule predict:
    input:
        LOOK.new_images_model(),
    output:
        touch(LOOK.new_images_done()),
    log:
        "logs/predict.log",
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        settings=CONFIG.predict,
        code=stage_code("predict"),
    message:
        "Applying {input} to new images"
    script:
        "../../scripts/predict.py"
