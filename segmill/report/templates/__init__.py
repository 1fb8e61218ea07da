"""HTML templates of the report, and the one way to fill them."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values) -> str:
    """Fill a template; values are escaped, and a name without a value is an error."""
    environment = Environment(
        loader=PackageLoader("segmill.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)
