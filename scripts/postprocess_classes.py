"""Choose on validation images how class maps are corrected, and correct those of test images."""

from _job import begin
from segmill.inference.postprocess_store import PostprocessProducer, superpixels_of_store
from segmill.metrics.class_postprocessing import choose_class_postprocessing_of_stores
from segmill.options import build_options
from segmill.progress import log
from segmill.store import open_store, write_store
from segmill.superpixels import EikonalOptions

begin(snakemake)
choose = dict(snakemake.params.choose)
where = "superpixels that vote"
superpixels = build_options(EikonalOptions, choose.pop("superpixels", None) or {}, where)
validation = open_store(snakemake.input.val)
if any(choose["grid"].get("superpixels", ())):
    choose["superpixels"] = superpixels_of_store(validation, superpixels)
choice = choose_class_postprocessing_of_stores(
    validation, open_store(snakemake.input.truth), split="val", **choose
)
log.info("chosen: %s", choice.options)
choice.table.to_csv(snakemake.output.tried, index=False)
test = open_store(snakemake.input.test)
write_store(snakemake.params.store, PostprocessProducer(test, choice.options, superpixels))
