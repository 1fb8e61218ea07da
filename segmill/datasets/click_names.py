"""File names of sample-view images: who took them, when, at what zoom and omega, and the click.

The names are those of SOLEIL PROXIMA 2A, made of words joined by ``_``::

    100161_Fri_Jul_12_21:33:25_2019_double_click_zoom_5_y_573_x_682
    100161_Wed_Feb__6_202122_2019_manual_omega_210.00_zoom_9_y_486_x_670
    100161_Wed_Jul_21_081341_2021_color_zoom_10_298.72
    autocenter_100161_Mon_Jul_27_20:53:57_2020_bright_failed

The first number is an account, not a sample: it stays for years. Only the time tells one mounted
sample from another.
"""

import re
from dataclasses import dataclass
from datetime import datetime

_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER = r"-?\d+(?:\.\d+)?"
# `:` is lost where a file system forbids it; a day below 10 is padded with one more `_`.
_TIME = re.compile(
    rf"(?:(?P<account>[^_]+)_)?(?:{_DAYS})_+(?P<month>{'|'.join(_MONTHS)})_+(?P<day>\d\d?)"
    r"_(?P<hour>\d\d)[:_-]?(?P<minute>\d\d)[:_-]?(?P<second>\d\d)_(?P<year>\d{4})(?=_|$)"
)
_OMEGA = re.compile(rf"(?:^|_)omega_(?P<omega>{_NUMBER})(?=_|$)")
# A number with decimals at the end, behind the zoom, is an omega as well.
_ZOOM = re.compile(r"(?:^|_)zoom_(?P<zoom>\d+)(?:_(?P<omega>-?\d+\.\d+)$)?(?=_|$)")
_CLICK = re.compile(rf"(?:^|_)y_(?P<row>{_NUMBER})_x_(?P<column>{_NUMBER})(?=_|$)")


@dataclass(frozen=True)
class NameFacts:
    """What a name tells; None where it does not.

    Attributes
    ----------
    kind : the words that are left: ``double_click``, ``manual``, ``autocenter_bright_failed``
    account : of the user
    time : of the image, or of the alignment that it belongs to, in local time
    zoom : number of the zoom position
    omega : angle of the goniometer in degrees
    click : (row, column) in px of the image as it was saved
    """

    kind: str = ""
    account: str | None = None
    time: datetime | None = None
    zoom: int | None = None
    omega: float | None = None
    click: tuple[float, float] | None = None

    def family(self, by: str) -> str | None:
        """Name of the samples that may be the same one; None where the name has no time.

        Parameters
        ----------
        by : ``day`` takes all images of one account on one day together; ``time`` those with the
            same time, which only images of one alignment have
        """
        if self.time is None:
            return None
        stamp = self.time.strftime("%Y-%m-%d" if by == "day" else "%Y-%m-%dT%H%M%S")
        return f"{self.account}_{stamp}" if self.account else stamp


def parse_name(stem: str) -> NameFacts:
    """Facts in the name of a file, without folders and extension.

    Raises ValueError where a date does not exist.

    Examples
    --------
    >>> facts = parse_name("100161_Wed_Feb__6_202122_2019_manual_omega_210.00_zoom_9_y_486_x_670")
    >>> facts.kind, facts.zoom, facts.omega, facts.click
    ('manual', 9, 210.0, (486.0, 670.0))
    >>> facts.family("day")
    '100161_2019-02-06'
    >>> parse_name("color_zoom_10_298.72")
    NameFacts(kind='color', account=None, time=None, zoom=10, omega=298.72, click=None)
    """
    left = stem
    found: dict[str, str] = {}
    for pattern in (_TIME, _CLICK, _OMEGA, _ZOOM):
        match = pattern.search(left)
        if match:
            found |= {key: value for key, value in match.groupdict().items() if value is not None}
            left = f"{left[: match.start()]}_{left[match.end() :]}"
    return NameFacts(
        kind="_".join(word for word in left.split("_") if word),
        account=found.get("account"),
        time=_time(found) if "year" in found else None,
        zoom=int(found["zoom"]) if "zoom" in found else None,
        omega=float(found["omega"]) if "omega" in found else None,
        click=(float(found["row"]), float(found["column"])) if "row" in found else None,
    )


def _time(found: dict[str, str]) -> datetime:
    month = _MONTHS.index(found["month"]) + 1
    names = ("day", "hour", "minute", "second")
    return datetime(int(found["year"]), month, *(int(found[name]) for name in names))
