"""Measure how trained networks answer where a patch lies elsewhere, or an image is cut."""

from _job import begin
from segmill.inference import Predictor
from segmill.metrics.network_invariance import tiling_of_networks, translation_of_networks
from segmill.store import open_store

begin(snakemake)
asked = snakemake.params.invariance
measure = {"translation": translation_of_networks, "tiling": tiling_of_networks}[asked["kind"]]
networks = {
    name: Predictor.load(model).networks[0]
    for name, model in zip(asked["experiments"], snakemake.input.models, strict=True)
}
store = open_store(snakemake.input.store)
image = store.image(int(store.where(split="test")[0]))
measure(networks, image, **asked["options"]).to_parquet(snakemake.output[0], index=False)
