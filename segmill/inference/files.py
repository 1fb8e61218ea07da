"""A trained network applied to image files."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.atomic import write_atomically
from segmill.datasets.images import ImageRules, read_image
from segmill.datasets.raster import SUFFIXES, count_pages
from segmill.errors import ConfigError, IntegrityError, Problem, raise_problems
from segmill.inference.outputs import DEFAULT, OF_KIND, OUTPUTS
from segmill.inference.pixels import ImageError
from segmill.inference.predictor import Prediction, Predictor
from segmill.progress import log, track


@dataclass(frozen=True)
class Source:
    """An image file, and the name (with folders, without ending) of what is made of it."""

    path: Path
    name: str


def predict_files(
    images: str | Path | Iterable[str | Path],
    model: str | Path | Sequence[str | Path],
    out_dir: str | Path,
    outputs: Sequence[str] | None = None,
    **options,
) -> pd.DataFrame:
    """Predict image files and write what is asked for, file by file.

    A file that cannot be read or predicted does not stop the others: what is good is written, and
    all that failed are named at the end. Each output file appears complete or not at all.

    Parameters
    ----------
    images : PNG, TIFF, JPEG or BMP files, and folders, of which all such files are taken, at any
        depth; each page of a stack is an image
    model : model file, or several that are averaged
    out_dir : folder to write to; ``a/b.png`` of an image folder gives ``a/b_instances.tif`` and so
        on, page 3 of a stack ``a/b_p0003_instances.tif``
    outputs : among ``"instances"`` (TIFF, uint16 or uint32), ``"semantic"`` (PNG of class ids),
        ``"boxes"`` (CSV), ``"overlay"`` (PNG), ``"scores"`` (TIFF, float32, a page per class); of a
        network of overlapping notions ``"notions"`` (TIFF, 0 or 1, a page per notion),
        ``"hierarchy"`` (PNG, which notion is on top), ``"description"`` (JSON, see
        :func:`segmill.describe`), overlay and scores; of a network of particles ``"particles"``
        (CSV, see :func:`segmill.inference.find_particles`), instances, boxes, overlay and scores.
        None: instances, boxes and overlay; of notions: notions, description and overlay; of
        particles: instances, particles and overlay; of other values: scores
    options : of :meth:`segmill.inference.Predictor.load`

    Returns
    -------
    One row per predicted image: image (path), page, name (of its outputs) and, where objects were
    made, objects (their number).

    Raises
    ------
    ConfigError
        for an unknown output or option, or an output that the network cannot have; nothing is
        predicted.
    IntegrityError
        before anything is predicted: naming every path that does not exist, and images that would
        write the same files. At the end: naming every file that could not be predicted.
    """
    if outputs is not None:
        _check_outputs(outputs)
    out_dir = Path(out_dir)
    sources = find_images(images, out_dir)
    predictor = Predictor.load(model, **options)
    outputs = DEFAULT[predictor.kind] if outputs is None else outputs
    _check_kind(outputs, predictor.kind)
    rows: list[dict] = []
    problems: list[Problem] = []
    for source, page, image, prediction in predicted(sources, predictor, problems):
        rows.append(_write(source, page, image, prediction, out_dir, outputs))
    log.info("predicted %d images into %s", len(rows), out_dir)
    _say_what_is_empty(rows)
    raise_problems(problems, "the images to predict; the others are predicted")
    return pd.DataFrame(rows)


def _say_what_is_empty(rows: Sequence[dict]) -> None:
    """An image without a single object is rare, and often a sign of a wrong file or network."""
    empty = [row["name"] for row in rows if row.get("objects") == 0]
    if empty:
        log.warning("no object found on %d of %d: %s", len(empty), len(rows), ", ".join(empty))


def predicted(
    sources: Sequence[Source], predictor: Predictor, problems: list[Problem]
) -> Iterator[tuple[Source, int | None, np.ndarray, Prediction]]:
    """Source, page (None where there is one only), image and prediction of each image.

    Files that cannot be read or predicted are passed over and named in `problems`.
    """
    for source in track(sources, len(sources), "predict", "image"):
        try:
            for page in _pages(source.path):
                image = read_image(source.path, ImageRules(alpha="drop"), page)
                if image.min() == image.max():
                    log.warning(
                        "%s: every pixel is %s, nothing can be seen", source.path, image.max()
                    )
                yield source, page, image, predictor.predict(image)
        except IntegrityError as error:
            problems += error.problems
        except ImageError as error:
            problems.append(Problem(str(source.path), "an image for this network", str(error)))


def find_images(
    images: str | Path | Iterable[str | Path], out_dir: Path | None = None
) -> list[Source]:
    """The image files among paths and below folders, sorted; nothing that lies in `out_dir`.

    Raises IntegrityError naming paths that do not exist, files that are no images, folders without
    images, and images that would share the name of their outputs.
    """
    paths = [images] if isinstance(images, str | Path) else list(images)
    sources: list[Source] = []
    problems: list[Problem] = []
    for path in map(Path, paths):
        found = list(_sources(path, out_dir.resolve() if out_dir else None))
        sources += found
        if not found:
            problems.append(Problem(str(path), f"images ({' '.join(SUFFIXES)})", _instead(path)))
    names = Counter(source.name for source in sources)
    problems += [
        Problem(str(source.path), "an output name of its own", f"{source.name} again")
        for source in sources
        if names[source.name] > 1
    ]
    raise_problems(problems, "the images to predict")
    return sources


def _sources(path: Path, out_dir: Path | None) -> Iterator[Source]:
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        yield Source(path, path.stem)
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            # The overlays of an earlier run are no input of this one.
            own = out_dir is not None and file.resolve().is_relative_to(out_dir)
            if file.is_file() and file.suffix.lower() in SUFFIXES and not own:
                yield Source(file, file.relative_to(path).with_suffix("").as_posix())


def _instead(path: Path) -> str:
    if path.is_dir():
        return "a folder without any"
    return f"a file {path.suffix or 'without ending'}" if path.exists() else "nothing"


def _pages(path: Path) -> Sequence[int | None]:
    count = count_pages(path)
    return [None] if count == 1 else range(count)


def _write(
    source: Source,
    page: int | None,
    image: np.ndarray,
    prediction: Prediction,
    out_dir: Path,
    outputs: Sequence[str],
) -> dict:
    """Write the outputs of one image and return its row of the table."""
    name = source.name if page is None else f"{source.name}_p{page:04d}"
    for output in outputs:
        ending, content = OUTPUTS[output]
        write_atomically(out_dir / f"{name}_{ending}", content(image, prediction))
    row = {"image": str(source.path), "page": page or 0, "name": name}
    has_objects = prediction.kind in ("semantic", "particles")
    if has_objects and {"instances", "particles", "boxes", "overlay"} & set(outputs):
        row["objects"] = int(prediction.instances.max())
    return row


def _check_outputs(outputs: Sequence[str]) -> None:
    if isinstance(outputs, str):
        raise ConfigError(f"outputs: expected a list of {', '.join(OUTPUTS)}, found {outputs!r}")
    unknown = [output for output in outputs if output not in OUTPUTS]
    if unknown or not outputs:
        found = ", ".join(unknown) or "nothing"
        raise ConfigError(f"outputs: expected some of {', '.join(OUTPUTS)}, found {found}")


def _check_kind(outputs: Sequence[str], kind: str) -> None:
    impossible = [output for output in outputs if output not in OF_KIND[kind]]
    if impossible:
        raise ConfigError(
            f"outputs: a network of task {kind} has {', '.join(OF_KIND[kind])}, "
            f"found {', '.join(impossible)}"
        )
