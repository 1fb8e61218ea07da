"""Train one network, going on from its checkpoint where there is one."""

from _job import begin
from segmill.store import open_store
from segmill.training import TrainingConfig, train

begin(snakemake)
train(
    TrainingConfig.from_dict(snakemake.params.training),
    open_store(snakemake.input.train),
    open_store(snakemake.input.val),
    run_dir=snakemake.params.run,
    checkpoint_dir=snakemake.params.checkpoints,
)
