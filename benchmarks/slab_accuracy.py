"""How well the slab that the classical alignment finds in synthetic images holds against the truth.

Scenes with the default shares of kinds, media, ice, crystals, bubbles and noise are drawn and
aligned from their images alone. Printed are: of the sweeps with a crystal in a medium, and of those
without, in how many a slab is stated; how often each of its parameters lies in its stated 95 %
interval; and how far the point inside lies from the crystal that was drawn first. The true depths
are those at the place that was found, below the true faces, and beside them those of the crystal's
centre: what is followed is all that is seen, often several crystals.

Usage: python benchmarks/slab_accuracy.py [--sweeps 60] [--seed 201] [--loops]
       [--frames 60] [--height 512] [--width 608] [--zooms 2 3]
"""

import argparse

import numpy as np
import pandas as pd

from segmill.classical import align
from segmill.synthetic.beamline import beamline_sweep

LOOPS = {"blank": 0, "no_loop": 0, "capillary": 0}
UM_PER_MM = 1000.0
PARAMETERS = ("thickness", "beta", "n", "front", "back")


def slab_deviation(seed: int, index: int, **options) -> dict:
    """One sweep: whether it has a medium, why no slab is stated, and found minus true values.

    Of every parameter `{name}`, deviation (um, degrees), `{name}_sigma`, `{name}_inside` its 95 %
    interval; of the depths also `{name}_centre_inside`, against the crystal's centre.
    """
    samples = beamline_sweep(seed, index, **options)
    notes = samples[0].notes
    found = align(
        [sample.image for sample in samples],
        np.array([sample.notes["omega"] for sample in samples]),
        mm_per_px=notes["mm_per_px"],
    )
    row = {"index": index, "medium": notes["slab_front_mm"] + notes["slab_back_mm"] > 0}
    if found.failed:
        return row | {"stated": False, "reason": found.reason}
    if "inside" not in found.models.slab:
        return row | {"stated": False, "reason": found.models.refused["slab inside"]}
    return row | {"stated": True, "reason": ""} | _compared(found, notes)


def _compared(found, notes: dict) -> dict:
    slab = found.models.slab["inside"]
    beta = np.radians(notes["slab_beta"])
    normal = np.array([-np.sin(beta), np.cos(beta)])
    point = slab.r * np.array([np.cos(slab.alpha), np.sin(slab.alpha)])
    crystal = np.array([notes["centre_x_mm"], notes["centre_y_mm"]]) * UM_PER_MM
    centre = found.models.circle["middle"]
    middle = centre.r * np.array([np.cos(centre.alpha), np.sin(centre.alpha)])
    above = float((point - crystal) @ normal)
    front, back = (notes[f"slab_{face}_mm"] * UM_PER_MM for face in ("front", "back"))
    turn = (slab.beta - beta + np.pi / 2) % np.pi - np.pi / 2
    # The same slab seen from behind.
    same = abs(slab.beta - beta) < np.pi / 2
    depths = {"front": front - above, "back": back + above}
    own = {"front": front, "back": back}
    if not same:
        depths = {"front": depths["back"], "back": depths["front"]}
        own = {"front": back, "back": front}
    away = {name: getattr(slab, name) - depths[name] for name in depths}
    away |= {"thickness": slab.thickness - front - back, "n": slab.n - notes["slab_n"]}
    row = {"true_thickness": front + back, "beta": np.degrees(turn), **away}
    for name in PARAMETERS:
        low, high = slab.interval(name)
        deviation = turn if name == "beta" else away[name]
        row[f"{name}_sigma"] = slab.uncertainty[name] * (180 / np.pi if name == "beta" else 1)
        row[f"{name}_inside"] = abs(deviation) <= (high - low) / 2
    for name, value in own.items():
        row[f"{name}_centre_inside"] = slab.interval(name)[0] <= value <= slab.interval(name)[1]
    row["point_away"] = float(np.linalg.norm(point - crystal))
    row["middle_away"] = float(np.linalg.norm(middle - crystal))
    return row


def _print_summary(table: pd.DataFrame) -> None:
    for has, what in ((True, "with a crystal in a medium"), (False, "without")):
        part = table[table["medium"] == has]
        print(f"{what}: {int(part['stated'].sum())} of {len(part)} stated")
    stated = table[table["stated"] & table["medium"]]
    if stated.empty:
        return
    for name in PARAMETERS:
        print(
            f"{name}: {stated[f'{name}_inside'].mean():.0%} in the 95 % interval, error "
            f"median {stated[name].abs().median():.3g}, 95th percentile "
            f"{stated[name].abs().quantile(0.95):.3g}, stated sigma median "
            f"{stated[f'{name}_sigma'].median():.3g}"
        )
    every = stated[[f"{name}_inside" for name in PARAMETERS]].all(axis=1)
    print(f"all five: {every.mean():.0%}")
    names = [*PARAMETERS[:3], "front_centre", "back_centre"]
    for name in names[3:]:
        print(f"{name}: {stated[f'{name}_inside'].mean():.0%} in the 95 % interval")
    every = stated[[f"{name}_inside" for name in names]].all(axis=1)
    print(f"all five, depths of the crystal's centre: {every.mean():.0%}")
    relative = stated["thickness"].abs() / stated["true_thickness"]
    print(f"thickness: relative error median {relative.median():.1%}")
    for name in ("point", "middle"):
        away = stated[f"{name}_away"]
        print(
            f"crystal's centre from the {name}: median {away.median():.1f} um, 95th percentile "
            f"{away.quantile(0.95):.1f} um"
        )


def main() -> None:
    """Measure every sweep, print coverage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=201)
    parser.add_argument("--loops", action="store_true", help="no other kinds of scenes")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=608)
    parser.add_argument("--zooms", type=int, nargs="+", default=[2, 3])
    chosen = vars(parser.parse_args())
    sweeps, seed = chosen.pop("sweeps"), chosen.pop("seed")
    options = chosen | {"zooms": tuple(chosen["zooms"])}
    if options.pop("loops"):
        options |= LOOPS
    rows = []
    for index in range(sweeps):
        row = slab_deviation(seed, index, **options)
        rows.append(row)
        if row["stated"] and row["medium"]:
            words = ", ".join(
                f"{name} {row[name]:+.3g} +- {row[f'{name}_sigma']:.2g}"
                + ("" if row[f"{name}_inside"] else " (out)")
                for name in PARAMETERS
            )
        else:
            words = "stated" if row["stated"] else f"refused: {row['reason']}"
        medium = "medium" if row["medium"] else "none"
        print(f"{index}: {medium}: {words}", flush=True)
    _print_summary(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
