"""Where results lie."""


def dataset_table(dataset: str) -> str:
    """Table of the store of a dataset."""
    return f"results/stores/{dataset}.parquet"


def shards_table(dataset: str, recipe: str, split: str) -> str:
    """Table of the augmented shards of one split."""
    return f"results/shards/{dataset}/{recipe}/{split}.parquet"


def downloads(dataset: str) -> str:
    """Folder of the downloaded files of a dataset."""
    return f"results/downloads/{dataset}"


def run_folder(study: str, experiment: str, seed: int | str) -> str:
    """Folder of one training."""
    return f"results/runs/{study}/{experiment}/seed{seed}"


def alignment_table(dataset: str, method: str) -> str:
    """Fits of every sweep of a dataset by a classical method."""
    return f"results/alignments/{dataset}/{method}.parquet"
