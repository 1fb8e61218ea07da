# Trained networks -> predictions: on the test images of a dataset, and on a user's own images.


rule prediction:
    input:
        model="results/runs/{study}/{experiment}/seed{seed}/model.pt",
        store="results/stores/{dataset}.parquet",
        choice=lambda wc: LOOK.choice_inputs(wc.study, wc.experiment, wc.seed),
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


use rule prediction as validation_prediction with:
    input:
        model="results/runs/{study}/{experiment}/seed{seed}/model.pt",
        store="results/stores/{dataset}.parquet",
    output:
        "results/predictions/{study}/{experiment}/seed{seed}/{dataset}.val.parquet",
    log:
        "logs/predictions/{study}/{experiment}/seed{seed}/{dataset}.val.log",
    benchmark:
        "results/benchmarks/validation_prediction/{study}/{experiment}/seed{seed}/{dataset}.tsv"
    params:
        producer=lambda wc: LOOK.prediction_producer(
            wc.study, wc.experiment, wc.seed, wc.dataset, "val"
        ),
        store="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.val.zarr",
        code=lambda wc: LOOK.network_code("predict", wc.study, wc.experiment),


rule choose_instances:
    input:
        prediction="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.val.parquet",
        truth="results/stores/{dataset}.parquet",
    output:
        choice="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.choice.json",
        tried="results/predictions/{study}/{experiment}/seed{seed}/{dataset}.choice.csv",
    log:
        "logs/predictions/{study}/{experiment}/seed{seed}/{dataset}.choice.log",
    benchmark:
        "results/benchmarks/choose_instances/{study}/{experiment}/seed{seed}/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        choose=lambda wc: LOOK.choice(wc.study, wc.experiment),
        prediction=lambda wc: LOOK.prediction(wc.study, wc.experiment),
        code=stage_code("choose"),
    message:
        "Choosing how scores of {wildcards.study}/{wildcards.experiment} become objects"
    script:
        "../../scripts/choose_instances.py"


rule predict:
    input:
        model=LOOK.new_images_model(),
        images=lambda wc: LOOK.new_images(),
        choice=lambda wc: LOOK.new_images_choice(),
    output:
        touch(LOOK.new_images_done()),
    log:
        "logs/predict.log",
    conda:
        "../../envs/gpu.yaml"
    threads: lambda wc: LOOK.new_images_options().get("threads", 1)
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        settings=CONFIG.predict,
        options=lambda wc: LOOK.new_images_options(),
        code=stage_code("predict"),
    message:
        "Applying {input.model} to new images"
    script:
        "../../scripts/predict.py"
