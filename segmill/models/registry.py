"""The networks by name: one table from a name in a configuration to a built network."""

from collections.abc import Callable
from dataclasses import asdict

from torch import nn

from segmill.errors import ConfigError
from segmill.options import build_options

Builder = Callable[..., nn.Module]

_NETWORKS: dict[str, tuple[Builder, type]] = {}


def register(name: str, options: type) -> Callable[[Builder], Builder]:
    """Make `build(name, ...)` call the decorated class or function.

    It is called as ``builder(in_channels, out_channels, **options)`` with a value for every field
    of the frozen dataclass `options`, whose fields are made by :func:`segmill.options.option`. The
    network that it returns takes and gives float tensors (B, C, H, W) of one height and width and
    has an integer attribute `size_multiple`, of which height and width must be multiples.
    """

    def add(builder: Builder) -> Builder:
        if name in _NETWORKS:
            raise ValueError(f"a network named {name!r} is registered already")
        _NETWORKS[name] = (builder, options)
        return builder

    return add


def names() -> tuple[str, ...]:
    """The legal names of networks, sorted."""
    return tuple(sorted(_NETWORKS))


def build(name: str, in_channels: int, out_channels: int, **options) -> nn.Module:
    """Build a network with weights drawn from torch's global generator.

    Parameters
    ----------
    name : one of :func:`names`
    in_channels : number of channels of the input image
    out_channels : number of channels of the output, which are logits or regressed values
    options : fields of the network's options dataclass; absent ones take their default

    Returns
    -------
    torch.nn.Module
        Maps float32 (B, in_channels, H, W) to (B, out_channels, H, W), the same pixel frame; H and
        W must be multiples of its `size_multiple`. Its `configuration` is a dict of plain values
        (name, in_channels, out_channels, options) from which :func:`rebuild` makes it again.

    Raises
    ------
    ConfigError
        When the name, an option or a value is not legal; the message names the legal ones.
    """
    if name not in _NETWORKS:
        raise ConfigError(f"network {name!r}: expected one of {', '.join(names())}")
    for key, value in (("in_channels", in_channels), ("out_channels", out_channels)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(
                f"network {name!r}: {key} must be a positive integer, found {value!r}"
            )
    builder, options_type = _NETWORKS[name]
    values = asdict(build_options(options_type, options, f"options of network {name!r}"))
    model = builder(in_channels, out_channels, **values)
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
    model.configuration = {
        "name": name,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "options": plain,
    }
    return model


def rebuild(configuration: dict) -> nn.Module:
    """Build the network of a `configuration` that :func:`build` left on an earlier one."""
    parts = dict(configuration)
    return build(parts["name"], parts["in_channels"], parts["out_channels"], **parts["options"])
