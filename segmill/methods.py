"""What a table shows in a row: the ways of naming a method, and where its figures come from.

``EXPERIMENT`` is a trained network on the test images of its own dataset,
``EXPERIMENT@DATASET`` on those of another one; ``classical/METHOD/DATASET`` is a method without
training; :data:`KINDS` lists what else a row can show.
"""

from dataclasses import dataclass

EXPERIMENT = "experiment"
# Kind -> what stands behind the slash, in order.
KINDS = {
    "classical": ("method", "dataset"),
    "alignment": ("method", "dataset"),
    "data": ("dataset",),
    "latency": ("experiment",),
    "network": ("study", "network"),
    "postprocessed": ("experiment",),
    "superpixels": ("method", "dataset"),
    "superpixels_of": ("method", "experiment"),
}
# Of these the experiment may be followed by @DATASET.
ANYWHERE = ("superpixels_of",)


@dataclass(frozen=True)
class Method:
    """A method of a table.

    Attributes
    ----------
    kind : ``experiment`` or one of :data:`KINDS`
    experiment : of the study, where there is one
    method : name of a file in ``config/classical``, where there is one
    dataset : whose test images are measured; None: the experiment's own
    study, network : an experiment of any study whose network is described, trained or not
    """

    kind: str
    experiment: str | None = None
    method: str | None = None
    dataset: str | None = None
    study: str | None = None
    network: str | None = None


def parse_method(text: str) -> Method:
    """The method that a text names.

    Raises ValueError saying which forms are legal.

    Examples
    --------
    >>> parse_method("vanilla").experiment
    'vanilla'
    >>> parse_method("fc67@beamline_labelme").dataset
    'beamline_labelme'
    >>> found = parse_method("classical/otsu/nuclei")
    >>> found.kind, found.method, found.dataset
    ('classical', 'otsu', 'nuclei')
    >>> parse_method("superpixels_of/eikonal/can7@photographs").dataset
    'photographs'
    """
    kind, *rest = text.split("/")
    if not rest:
        name, _, dataset = text.partition("@")
        return Method(EXPERIMENT, experiment=name, dataset=dataset or None)
    if kind not in KINDS or len(rest) != len(KINDS[kind]) or not all(rest):
        raise ValueError(f"expected {legal_forms()}, found {text!r}")
    parts = dict(zip(KINDS[kind], rest, strict=True))
    if kind in ANYWHERE:
        parts["experiment"], at, dataset = parts["experiment"].partition("@")
        if at:
            parts["dataset"] = dataset
    return Method(kind, **parts)


def legal_forms() -> str:
    """The forms of :func:`parse_method` in words."""
    forms = ["EXPERIMENT", "EXPERIMENT@DATASET"]
    forms += ["/".join([kind, *(part.upper() for part in parts)]) for kind, parts in KINDS.items()]
    forms += [f"{form}@DATASET" for form in forms if form.split("/")[0] in ANYWHERE]
    return " or ".join([", ".join(forms[:-1]), forms[-1]])
