"""The command `segmill`: look at stores, check datasets, apply trained networks."""

import argparse
import json
import sys
from pathlib import Path

from segmill import __version__
from segmill.errors import SegmillError
from segmill.progress import configure_logging

OUTPUTS = (
    "instances",
    "semantic",
    "boxes",
    "overlay",
    "scores",
    "notions",
    "hierarchy",
    "description",
    "particles",
)
PREDICTION = ("tiling", "tta", "instances", "particles", "precision", "device", "threads")
SIDES = ("left", "right", "top", "bottom")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status: 0 done, 1 the input is at fault, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    configure_logging()
    try:
        return options.run(options) or 0
    except SegmillError as error:
        print(f"segmill {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="segmill", description=__doc__)
    parser.add_argument("--version", action="version", version=f"segmill {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_inspect(commands)
    _add_verify(commands)
    _add_check(commands)
    _add_predict(commands)
    _add_describe(commands)
    _add_imitate(commands)
    return parser


def _add_inspect(commands) -> None:
    command = commands.add_parser(
        "inspect", help="print what a store holds and draw a contact sheet of it"
    )
    command.add_argument("store", type=Path, help="path of a store: NAME.zarr or NAME.parquet")
    command.add_argument("-o", "--output", type=Path, help="contact sheet, NAME.png by default")
    command.add_argument("-n", type=int, default=12, help="samples on the sheet (default: 12)")
    command.add_argument("--columns", type=int, default=4, help="samples in a row (default: 4)")
    command.set_defaults(run=_inspect)


def _inspect(options: argparse.Namespace) -> None:
    import imageio.v3 as iio

    from segmill.card import card
    from segmill.contact import contact_sheet
    from segmill.store import open_store

    store = open_store(options.store)
    print(card(store))
    indices = range(min(options.n, len(store)))
    output = options.output or Path(store.path.name).with_suffix(".png")
    iio.imwrite(output, contact_sheet(store, indices, columns=options.columns))
    print(f"contact sheet: {output}")


def _add_verify(commands) -> None:
    command = commands.add_parser("verify", help="compare every sample of stores with its digest")
    command.add_argument("stores", nargs="+", type=Path, metavar="STORE")
    command.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from segmill.store import open_store

    damaged = 0
    for path in options.stores:
        try:
            store = open_store(path)
            store.verify()
        except SegmillError as error:
            damaged += 1
            print(f"{path}: {error}", file=sys.stderr)
        else:
            print(f"{path}: {len(store)} samples as written, content {store.content_hash}")
    return int(damaged > 0)


def _add_check(commands) -> None:
    command = commands.add_parser(
        "check", help="check the files of a dataset, without making its store"
    )
    command.add_argument("dataset", type=Path, help="config/datasets/NAME.yaml")
    command.add_argument(
        "--downloads", type=Path, default=Path("results/downloads"), help="folder of downloads"
    )
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> None:
    import yaml

    from segmill.datasets import IngestProducer

    config = yaml.safe_load(options.dataset.read_text())
    config.pop("presets", None)
    name = options.dataset.stem
    plan = IngestProducer({"name": name, **config}, options.downloads / name).plan()
    splits = plan.table["split"].value_counts().to_dict()
    print(json.dumps({"dataset": name, "samples": len(plan), **splits}))


def _add_predict(commands) -> None:
    command = commands.add_parser("predict", help="apply a trained network to images")
    command.add_argument("model", type=Path, help="model.pt of a run")
    command.add_argument("images", nargs="+", type=Path, help="images, or folders of images")
    command.add_argument("-o", "--output", type=Path, required=True, help="folder to write to")
    command.add_argument(
        "--outputs",
        nargs="+",
        choices=OUTPUTS,
        help="what to write for each image (default: instances boxes overlay; of a network of "
        "overlapping notions: notions description overlay; of particles: instances particles "
        "overlay)",
    )
    _add_network_options(command)
    command.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> None:
    from segmill.inference import predict_files

    outputs = tuple(options.outputs) if options.outputs else None
    network = _network_options(options)
    predict_files(options.images, options.model, options.output, outputs=outputs, **network)


def _add_network_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--options",
        type=Path,
        help="YAML file of the keys of an experiment's `prediction`: tiling, tta, instances, "
        "particles, precision, device, threads",
    )
    command.add_argument(
        "--threads",
        type=int,
        help="that a processor computes with (default: 1); another number gives other last bits",
    )


def _network_options(options: argparse.Namespace) -> dict:
    """Keywords of :meth:`segmill.inference.Predictor.load` that the command line gives."""
    import yaml

    from segmill.errors import ConfigError

    found = yaml.safe_load(options.options.read_text()) or {} if options.options else {}
    if not isinstance(found, dict) or (unknown := sorted(set(found) - set(PREDICTION))):
        what = unknown if isinstance(found, dict) else type(found).__name__
        raise ConfigError(f"{options.options}: expected keys of {PREDICTION}, found {what}")
    return found if options.threads is None else {**found, "threads": options.threads}


def _add_describe(commands) -> None:
    command = commands.add_parser(
        "describe", help="say as JSON what overlapping notions are seen on images, and where"
    )
    command.add_argument("model", type=Path, help="model.pt of a run")
    command.add_argument("images", nargs="+", type=Path, help="images, or folders of images")
    command.add_argument("-o", "--out", type=Path, help="file to write; default: standard output")
    command.add_argument(
        "--enters-from",
        choices=SIDES,
        default="left",
        help="side of the image where the sample enters; the extreme point is farthest from it "
        "(default: left)",
    )
    command.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        help="a pixel is inside a notion where its probability is above it (default: 0.5)",
    )
    command.add_argument(
        "--min-size", type=int, default=1, help="leave out blobs of a smaller area in pixels"
    )
    command.add_argument(
        "--mm-per-px", type=float, help="size of a pixel on the sample; adds micrometres"
    )
    _add_network_options(command)
    command.set_defaults(run=_describe)


def _describe(options: argparse.Namespace) -> None:
    from segmill.atomic import write_atomically
    from segmill.inference import describe_files

    def deliver(text: str) -> None:
        write_atomically(options.out, text) if options.out else print(text, end="")

    names = ("enters_from", "threshold", "min_size", "mm_per_px")
    described = {name: getattr(options, name) for name in names}
    network = _network_options(options)
    describe_files(options.images, options.model, deliver, described, **network)


def _add_imitate(commands) -> None:
    command = commands.add_parser(
        "imitate", help="make the config of synthetic suspensions that look like images"
    )
    command.add_argument("images", nargs="+", type=Path, help="images, or folders of images")
    command.add_argument(
        "-o", "--out", type=Path, required=True, help="file to write: config/datasets/NAME.yaml"
    )
    command.add_argument("-n", type=int, default=120, help="images of the dataset (default: 120)")
    command.add_argument(
        "--margin",
        type=float,
        default=0.1,
        help="how far ranges reach beyond the images', as a share (default: 0.1)",
    )
    command.set_defaults(run=_imitate)


def _imitate(options: argparse.Namespace) -> None:
    from segmill.synthetic.suspensions.imitation_files import imitate_files

    imitation = imitate_files(options.images, options.out, options.margin, options.n)
    for path, estimate in zip(imitation.names, imitation.estimates, strict=True):
        rounded = {name: float(f"{value:.4g}") for name, value in estimate.items()}
        print(json.dumps({"image": path, **rounded}))
    print(f"dataset: {options.out}")


if __name__ == "__main__":
    sys.exit(main())
