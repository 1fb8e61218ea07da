"""Options of the classical alignment."""

from dataclasses import dataclass

from segmill.options import option

SIDES = ("left", "right", "top", "bottom")
POINTS = ("middle", "centroid", "box", "extreme")
# In a medium inside the outline; with the slab, where it is without refraction.
INSIDE = "inside"


@dataclass(frozen=True)
class AlignmentOptions:
    """How the sample is found in a sweep, what is fitted, and when the result is refused.

    Attributes
    ----------
    mm_per_px : size of a pixel on the sample; null: lengths stay in pixels
    enters_from : edge of the image at which the sample enters: ``left``, ``right`` (rotation axis
        horizontal), ``top``, ``bottom`` (vertical); ``auto``: where most of it is
    axis : ``horizontal``, ``vertical`` or ``auto``; limits what ``auto`` may find
    threshold_scale : factor on Otsu's threshold of the light lost in the sample; smaller finds
        more; before a sweep with a loop is refused, 0.75 and 0.55 of it are tried
    min_contrast : least share of the light that the sample takes away; below it nothing is seen
    min_change : least share of the sample's outlines, over all frames, that is not in every frame;
        below it the sample stands still but for vibration
    min_frames : least number of rotating frames
    min_range : least range in degrees that their omega must cover
    lamp_tolerance : largest relative deviation of a frame's light from the sweep's; frames beyond
        it are left out
    max_left_out : largest share of rotating frames that may be left out for their light or because
        the sample is cut by an edge
    max_lost : largest share of the other frames in which the centred point may be lost, as its
        outline contradicts those of the rest
    max_residual : largest root mean square distance of the centred point of the outline from its
        circle, share of the loop's mean width; beyond it the frames show different outlines, as of
        a loop that is seen in some of them only, and no centre is given
    min_step : frames whose omega differs by less, in degrees, from both neighbours do not rotate
    smallest : least area of the sample, share of the image
    closing : radius of the disc that closes gaps in the outline, px
    loop_level : the loop begins where the width reaches this share of the way from stem to loop
    robust : leave outliers out of the fits
    n_low, n_high : bounds of the slab's refractive index; equal = fixed
    point : what of the loop is centred: the ``middle`` between its outlines, halfway along it, one
        point of the body; the ``centroid`` of its outline, the middle of its ``box`` or its
        ``extreme`` point, farthest from where the sample enters; or what is seen ``inside`` the
        medium, most often a crystal, which fails where none is seen
    centre_model : ``circle`` or ``slab``, from which the 3-D centre follows; the outline is in no
        medium: ``slab`` is meant for the point ``inside``
    along_target : px from the image's first row or column along the axis, where the point shall
        come to lie; null: the move along the axis is 0
    """

    mm_per_px: float | None = option(None, 1e-9, 10)
    enters_from: str = option("auto", choices=("auto", *SIDES))
    axis: str = option("auto", choices=("auto", "horizontal", "vertical"))
    threshold_scale: float = option(0.8, 0.05, 2)
    min_contrast: float = option(0.05, 0.001, 1)
    min_change: float = option(0.03, 0, 1)
    min_frames: int = option(9, 4, 100000)
    min_range: float = option(90.0, 30, 360)
    lamp_tolerance: float = option(0.1, 0.001, 1)
    max_left_out: float = option(0.2, 0, 1)
    max_lost: float = option(0.3, 0, 1)
    max_residual: float = option(0.04, 0, 100)
    min_step: float = option(0.05, 0, 360)
    smallest: float = option(0.0005, 0, 1)
    closing: int = option(2, 0, 100)
    loop_level: float = option(0.35, 0.01, 0.99)
    robust: bool = option(True)
    n_low: float = option(1.29, 1.0001, 4)
    n_high: float = option(1.33, 1.0001, 4)
    point: str = option("middle", choices=(*POINTS, INSIDE))
    centre_model: str = option("circle", choices=("circle", "slab"))
    along_target: float | None = option(None, -1e6, 1e6)

    def conflicts(self) -> list[str]:
        """Rules between several options."""
        offences = []
        if self.n_low > self.n_high:
            offences.append(f"n_low: expected at most n_high {self.n_high}, found {self.n_low}")
        sides = {"horizontal": SIDES[:2], "vertical": SIDES[2:]}.get(self.axis, SIDES)
        if self.enters_from not in ("auto", *sides):
            offences.append(
                f"enters_from: with a {self.axis} axis expected {' or '.join(sides)}, "
                f"found {self.enters_from}"
            )
        return offences
