"""Several processes that train one network together, as torchrun starts them.

A step of N processes sees the samples that a step of one process sees: each takes its share of the
batch, and gradients are summed. Only rank 0 writes files.
"""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from segmill.errors import ConfigError
from segmill.progress import log


@dataclass
class Processes:
    """The processes of a training.

    Attributes
    ----------
    rank : number of this one, from 0
    count : how many there are
    local_rank : its number on its machine, which is the number of its GPU
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    _small: Any = field(default=None, repr=False)

    @classmethod
    def start(cls, device: str, timeout_minutes: float) -> "Processes":
        """Meet the other processes, if torchrun started several.

        `timeout_minutes` limits how long one waits for the others, then and later: where one has
        died, the others end with an error instead of waiting for ever.
        """
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        found = cls(int(os.environ["RANK"]), count, int(os.environ.get("LOCAL_RANK", "0")))
        backend = "nccl" if device == "cuda" else "gloo"
        if device == "cuda":
            torch.cuda.set_device(found.local_rank)
        limit = timedelta(minutes=timeout_minutes)
        dist.init_process_group(backend, timeout=limit, rank=found.rank, world_size=count)
        # Small sums are made on the CPU, whatever carries the gradients.
        found._small = dist.new_group(backend="gloo", timeout=limit)
        log.info("process %d of %d, gradients by %s", found.rank, count, backend)
        return found

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, samples: np.ndarray) -> np.ndarray:
        """The samples of this process: a contiguous, fair part, empty where there are too few."""
        return np.array_split(samples, self.count)[self.rank]

    def check(self, batch_size: int) -> None:
        """Raise ConfigError where a batch is too small to be shared."""
        if batch_size < self.count:
            raise ConfigError(
                f"batch_size: expected at least one sample for each of {self.count} processes, "
                f"found {batch_size}"
            )

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The network with gradients averaged over all processes after each backward pass.

        On GPUs batch normalisation takes its statistics over the whole batch; on CPUs over the
        share of each process, torch having nothing else.
        """
        if self.count == 1:
            return model
        if device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
            return DistributedDataParallel(model, device_ids=[device.index])
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
            log.warning("batch normalisation takes its statistics over each process's share alone")
        return DistributedDataParallel(model)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Element-wise sum of float64 `values` over all processes, equal in each."""
        if self.count == 1:
            return values
        tensor = torch.from_numpy(np.ascontiguousarray(values, np.float64))
        dist.all_reduce(tensor, group=self._small)
        return tensor.numpy()

    def from_first(self, value: Any) -> Any:
        """What rank 0 has for `value`, a plain object."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._small)
        return box[0]

    def finish(self) -> None:
        """Part from the other processes, all being done."""
        if self.count > 1:
            dist.barrier(group=self._small)
            dist.destroy_process_group()
