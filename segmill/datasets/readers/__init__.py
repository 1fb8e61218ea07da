"""One module per raw format; its class ``Reader`` is what ``reader: NAME`` in a YAML stands for."""

import pkgutil


def reader_names() -> tuple[str, ...]:
    """Names that ``reader:`` may have in a dataset's configuration; imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
