"""Captions in reStructuredText: one source for Snakemake's report and for Segmill's own pages."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

from docutils.core import publish_parts
from docutils.utils import SystemMessage
from jinja2 import Environment, StrictUndefined, UndefinedError

from segmill.errors import ConfigError

WARNING_LEVEL = 2


def caption_html(
    text: str,
    wildcards: Mapping[str, str] | None = None,
    config: Mapping | None = None,
    name: str = "caption",
) -> str:
    """Turn a caption into HTML.

    Parameters
    ----------
    text : reStructuredText, with Jinja expressions as Snakemake fills them in
    wildcards, config : values of ``{{ snakemake.wildcards.NAME }}`` and
        ``{{ snakemake.config["key"] }}``
    name : the caption's name in messages

    Raises
    ------
    ConfigError : an expression has no value, or the text is no valid reStructuredText
    """
    snakemake = SimpleNamespace(
        wildcards=SimpleNamespace(**(wildcards or {})), config=dict(config or {})
    )
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    settings = {
        "halt_level": WARNING_LEVEL,
        "report_level": WARNING_LEVEL,
        "warning_stream": False,
        "file_insertion_enabled": False,
        "raw_enabled": False,
    }
    try:
        filled = environment.from_string(text).render(snakemake=snakemake)
        return publish_parts(filled, writer="html5", settings_overrides=settings)["body"].strip()
    except (UndefinedError, SystemMessage) as error:
        raise ConfigError(f"{name}: {error}") from error


def read_caption(
    path: str | Path,
    wildcards: Mapping[str, str] | None = None,
    config: Mapping | None = None,
) -> str:
    """:func:`caption_html` of a file."""
    return caption_html(Path(path).read_text("utf-8"), wildcards, config, name=str(path))
