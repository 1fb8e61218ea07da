"""Captions in reStructuredText: one source for Snakemake's report and for Segmill's own pages."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

from docutils.core import publish_parts
from docutils.utils import SystemMessage
from jinja2 import Environment, StrictUndefined, UndefinedError

from segmill.errors import ConfigError

WARNING_LEVEL = 2


class _Strict(StrictUndefined):
    """May be asked for, as in ``{% if x.note %}``, but never be printed or compared."""

    def __bool__(self) -> bool:
        return False


def caption_html(
    text: str,
    wildcards: Mapping[str, str] | None = None,
    params: Mapping | None = None,
    config: Mapping | None = None,
    name: str = "caption",
) -> str:
    """Turn a caption into HTML.

    Parameters
    ----------
    text : reStructuredText, with Jinja expressions as Snakemake fills them in
    wildcards, params, config : values of ``{{ snakemake.wildcards.NAME }}``,
        ``{{ snakemake.params.NAME }}`` and ``{{ snakemake.config["key"] }}``
    name : the caption's name in messages

    Raises
    ------
    ConfigError : an expression has no value, or the text is no valid reStructuredText
    """
    snakemake = SimpleNamespace(
        wildcards=SimpleNamespace(**(wildcards or {})),
        params=SimpleNamespace(**(params or {})),
        config=dict(config or {}),
    )
    environment = Environment(undefined=_Strict, trim_blocks=True, lstrip_blocks=True)
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
    params: Mapping | None = None,
    config: Mapping | None = None,
) -> str:
    """:func:`caption_html` of a file."""
    text = Path(path).read_text("utf-8")
    return caption_html(text, wildcards, params, config, name=str(path))
