"""The optimizers by name, with their options checked."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import torch
from torch import nn

from segmill.options import build_options, option


@dataclass(frozen=True)
class AdamOptions:
    """Options of ``adam`` (Kingma and Ba 2015) and ``adamw`` (Loshchilov and Hutter 2019).

    beta1, beta2 : decay of the running means of the gradient and of its square
    eps : added to the denominator
    weight_decay : L2 penalty for ``adam``; for ``adamw`` the share that weights lose per unit of
        learning rate
    amsgrad : whether the denominator never falls (Reddi et al. 2018)
    """

    beta1: float = option(0.9, low=0.0, high=0.999999)
    beta2: float = option(0.999, low=0.0, high=0.999999)
    eps: float = option(1e-8, low=1e-16)
    weight_decay: float = option(0.0, low=0.0)
    amsgrad: bool = option(False)


@dataclass(frozen=True)
class RMSpropOptions:
    """Options of ``rmsprop`` (Tieleman and Hinton 2012); defaults are torch's.

    alpha : decay of the running mean of the squared gradient; Keras' rho, 0.9 there
    eps : added to the denominator, behind the root; Keras 3 adds its 1e-7 under the root
    weight_decay : L2 penalty: weight_decay * w is added to the gradient of each parameter w. Keras'
        regulariser l2(x) adds 2 x w, and only to the weights that it is given to
    momentum : share of the last step that is repeated
    centered : whether the running mean of the gradient is subtracted
    """

    alpha: float = option(0.99, low=0.0, high=0.999999)
    eps: float = option(1e-8, low=1e-16)
    weight_decay: float = option(0.0, low=0.0)
    momentum: float = option(0.0, low=0.0, high=0.999999)
    centered: bool = option(False)


@dataclass(frozen=True)
class SGDOptions:
    """Options of ``sgd``.

    momentum : share of the last step that is repeated
    nesterov : whether the gradient is taken after that share (Sutskever et al. 2013)
    weight_decay : L2 penalty
    """

    momentum: float = option(0.0, low=0.0, high=0.999999)
    nesterov: bool = option(False)
    weight_decay: float = option(0.0, low=0.0)

    def conflicts(self) -> list[str]:
        """Nesterov's step is one of momentum."""
        if self.nesterov and not self.momentum:
            return ["nesterov: expected a momentum above 0, found 0.0"]
        return []


_OPTIMIZERS = {
    "adam": (torch.optim.Adam, AdamOptions),
    "adamw": (torch.optim.AdamW, AdamOptions),
    "rmsprop": (torch.optim.RMSprop, RMSpropOptions),
    "sgd": (torch.optim.SGD, SGDOptions),
}
OPTIMIZERS = tuple(_OPTIMIZERS)


def optimizer_options(name: str, options: Mapping) -> dict:
    """All options of an optimizer with their values; ConfigError names every wrong one."""
    return asdict(build_options(_OPTIMIZERS[name][1], options, f"options of optimizer {name!r}"))


def build_optimizer(
    name: str, parameters: Iterable[nn.Parameter], options: Mapping
) -> torch.optim.Optimizer:
    """An optimizer over `parameters`; its learning rate is set by the schedule before each epoch.

    Parameters
    ----------
    name : one of :data:`OPTIMIZERS`
    parameters : what to optimise
    options : fields of the options dataclass of that optimizer
    """
    values = optimizer_options(name, options)
    if "beta1" in values:
        values["betas"] = (values.pop("beta1"), values.pop("beta2"))
    return _OPTIMIZERS[name][0](parameters, lr=0.0, **values)
