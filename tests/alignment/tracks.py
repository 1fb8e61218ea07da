"""Simulated tracks of a point over omega, written from the formulas alone."""

import math

import numpy as np


def refraction(t: float, front: float, back: float, n: float) -> float:
    """The shift of one angle t in [-pi, pi), as the model is stated."""
    i = math.asin(math.sin(t) / n)
    s, depth = (1, front) if abs(t) < math.pi / 2 else (-1, back)
    return -depth * math.sin(s * t - i) / math.cos(i)


def slab_track(omega, c, r, alpha, front, back, beta, n):
    """Positions (N,) without noise."""
    wrapped = [(w - beta + math.pi) % (2 * math.pi) - math.pi for w in omega]
    shifts = [refraction(t, front, back, n) for t in wrapped]
    return c + r * np.cos(omega - alpha) - np.array(shifts)


def random_omega(rng, partial: bool = False):
    """30 to 90 uneven angles over a turn, or over 230 to 360 degrees of it, ascending."""
    span = rng.uniform(math.radians(230), 2 * math.pi) if partial else 2 * math.pi
    return rng.uniform(0, 2 * math.pi) + np.sort(rng.uniform(0, span, rng.integers(30, 90)))


def random_slab(rng) -> dict:
    """Parameters of a slab deep enough to be seen."""
    return {
        "c": rng.uniform(0, 1000),
        "r": rng.uniform(20, 200),
        "alpha": rng.uniform(-3, 3),
        "front": rng.uniform(10, 200),
        "back": rng.uniform(10, 200),
        "beta": rng.uniform(0, math.pi),
        "n": rng.uniform(1.29, 1.33),
    }


def written_as(truth: dict, beta: float) -> dict:
    """The truth with that one of its two normals that is nearer to `beta`, and its thickness."""
    turns = round((beta - truth["beta"]) / math.pi)
    faces = (truth["front"], truth["back"])[:: -1 if turns % 2 else 1]
    return {
        **truth,
        "beta": truth["beta"] + turns * math.pi,
        "front": faces[0],
        "back": faces[1],
        "thickness": sum(faces),
    }


def inside(fit, truth: dict) -> dict[str, bool]:
    """Whether the truth lies in the 95 % interval, by parameter; angles modulo a turn."""
    found = {}
    for name in fit.uncertainty:
        low, high = fit.interval(name)
        away = getattr(fit, name) - truth[name]
        if name in ("alpha", "beta"):
            away = (away + math.pi) % (2 * math.pi) - math.pi
        found[name] = abs(away) <= (high - low) / 2
    return found
