"""Options of synthetic sample images at a beamline."""

from dataclasses import dataclass
from pathlib import Path

from segmill.options import option
from segmill.synthetic.beamline.geometry import SIDES

ZOOMS = tuple(range(1, 11))


@dataclass(frozen=True)
class BeamlineOptions:
    """Sample, goniometer, microscope and camera; lengths in millimetres, angles in degrees.

    Attributes
    ----------
    height, width : of the image, pixels
    frames : images per scene, at equal steps of omega; they are one group
    omega_start : omega of the first frame; null draws one per scene
    omega_range : angle that the frames share; 360 is a full turn, whose end is not repeated
    enters_from : sides from which the sample may enter the image: left, right (axis horizontal),
        top, bottom (axis vertical); each scene draws one
    zooms : zoom levels, 1 to 10; each scene draws one
    field_zoom1, field_zoom10 : height of the field of view at zoom 1 and 10, a geometric series
        between; with `height` they give the calibration
    offset : largest distance of the centre from the rotation axis, as a share of half the field,
        and never above `offset_limit`
    offset_limit : the same in mm
    empty_loop : share of the mounted loops without a crystal
    no_loop : share of the scenes with a pin only, perhaps a broken stem
    blank : share of the scenes without any sample
    capillary : share of the scenes with a capillary in place of a loop
    no_medium : share of the loops whose crystal is in no medium (no refraction)
    ice : share of the scenes with ice
    kapton : share of the loops that are flat amber polymer instead of round nylon
    max_crystals : most crystals in one sample
    crystal_size : least and largest size of a crystal
    loop_size : least and largest width of a loop
    n_medium : least and largest refractive index of the medium
    thickness : least and largest thickness of the medium, grows where a crystal needs more
    click_sigma : standard deviation of the click's heat map
    aperture : blur by defocus: standard deviation over distance from the plane of focus
    resolution : standard deviation of the blur in focus
    defocus : standard deviation of the distance between the plane of focus and the axis
    noise : scales the noise of the camera; 0 for none
    backgrounds : folder with images of the empty field named ``..._zoom_N.jpg`` (or png); one of
        the scene's zoom is taken, of the nearest zoom where there is none; null draws backgrounds
    """

    height: int = option(256, 32, 4096)
    width: int = option(320, 32, 4096)
    frames: int = option(84, 1, 3600)
    omega_start: float | None = option(None, -3600, 3600)
    omega_range: float = option(360.0, 0, 3600)
    enters_from: tuple[str, ...] = option(SIDES, choices=SIDES)
    zooms: tuple[int, ...] = option(ZOOMS, choices=ZOOMS)
    field_zoom1: float = option(1.7, 0.01, 100)
    field_zoom10: float = option(0.2, 0.01, 100)
    offset: float = option(0.45, 0, 1)
    offset_limit: float = option(0.3, 0, 10)
    empty_loop: float = option(0.2, 0, 1)
    no_loop: float = option(0.05, 0, 1)
    blank: float = option(0.03, 0, 1)
    capillary: float = option(0.05, 0, 1)
    no_medium: float = option(0.15, 0, 1)
    ice: float = option(0.45, 0, 1)
    kapton: float = option(0.35, 0, 1)
    max_crystals: int = option(3, 1, 20)
    crystal_size: tuple[float, ...] = option((0.02, 0.2), 0.001, 2)
    loop_size: tuple[float, ...] = option((0.1, 0.6), 0.005, 5)
    n_medium: tuple[float, ...] = option((1.29, 1.33), 1.0, 2.0)
    thickness: tuple[float, ...] = option((0.02, 0.15), 0.001, 2)
    click_sigma: float = option(0.02, 0.0001, 1)
    aperture: float = option(0.035, 0, 1)
    resolution: float = option(0.0015, 0, 1)
    defocus: float = option(0.08, 0, 5)
    noise: float = option(1.0, 0, 20)
    backgrounds: str | None = option(None)

    def conflicts(self) -> list[str]:
        """What contradicts itself."""
        offences = [
            f"{name}: expected at least one value, found none"
            for name in ("enters_from", "zooms")
            if not getattr(self, name)
        ]
        for name in ("crystal_size", "loop_size", "n_medium", "thickness"):
            value = getattr(self, name)
            if len(value) != 2 or value[0] > value[1]:
                offences.append(f"{name}: expected [least, largest], found {list(value)}")
        if self.field_zoom10 > self.field_zoom1:
            offences.append(
                f"field_zoom10: expected at most field_zoom1 = {self.field_zoom1}, "
                f"found {self.field_zoom10}"
            )
        if self.blank + self.no_loop + self.capillary > 1:
            offences.append("blank, no_loop, capillary: expected shares that sum to at most 1")
        if self.backgrounds is not None and not Path(self.backgrounds).is_dir():
            offences.append(f"backgrounds: expected a folder, found {self.backgrounds!r}")
        return offences

    def mm_per_px(self, zoom: int) -> float:
        """Calibration at a zoom level."""
        ratio = self.field_zoom10 / self.field_zoom1
        return self.field_zoom1 * ratio ** ((zoom - 1) / 9) / self.height
