"""Options of synthetic images of dense suspensions."""

from dataclasses import dataclass, fields

from segmill.options import option

SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class SuspensionOptions:
    """Spheres in a dyed liquid, the sheet of light that cuts them, and the camera.

    Lengths are in pixels of the image. An option that is a pair is [least, largest]: every image
    draws its own value between them.

    Attributes
    ----------
    height, width : of the image
    radius : pair; mean radius of the spheres of an image
    radius_spread : pair; standard deviation of the radius within an image over its mean
    volume_fraction : pair; volume of the spheres over that of the suspension. Their number is
        Poisson around it
    gap : least distance between the surfaces of two spheres
    clumping : pair; relative standard deviation of the local density over a few diameters, of a
        dilute suspension; it falls to 0 towards random close packing
    sheet : pair; standard deviation of the sheet of light across its plane, over the mean radius
    sheet_growth : pair; relative growth of that by scattering over 1000 pixels of path
    light_from : sides that the light may come from: top, bottom, left, right
    upstream : pair; pixels of suspension that the light has crossed before the image
    stripes : pair; refractive index of the spheres less that of the liquid, over the liquid's.
        Spheres deflect the light, which makes stripes behind them; the sign matters
    stripe_length : pair; distance over which a deflection decays
    stripe_width : standard deviation that the finite width of the light source gives a stripe
    streaks : pair; standard deviation of streaks one pixel wide along the light, relative; they
        fade over `stripe_length`
    attenuation : pair; light lost over 1000 pixels inside spheres, as the exponent of a decay
    fronts : share of the images that hold a liquid without particles beyond a wavy front
    walls : share of the images that show the wall of the channel, at each side along the light
    waviness : largest amplitude of walls, and a tenth of that of fronts
    background : pair; grey level of the liquid in focus where it is brightest
    haze : pair; grey level inside the particles over that of the liquid around them
    tint : pair; standard deviation of what a particle glows itself, over the liquid's glow; half of
        the particles do not
    unevenness : pair; relative loss of light from the brightest to the darkest place
    shadow : pair; light that a whole sphere next to the sheet takes on its way to the camera, as a
        share
    out_of_focus : pair; light that a particle far in front of the sheet takes, as a share
    specks : pair; bright grains and bubbles in a million pixels
    blur : pair; standard deviation of the core of the point spread function
    halo : pair; share of the light that the lens spreads three times as far
    gain : pair; grey levels per photoelectron
    read_noise : pair; standard deviation in grey levels
    dead_pixels : pair; pixels without signal in a million
    annotated_eye : standard deviation in pixels of the blur by which an annotator's eye evens out
        the noise; the middle of a particle is where the image is darkest then
    annotated_depth : what dims the image there by less than this share of the dimming deep inside a
        particle is not annotated
    annotated_edge : the annotated disc of a particle ends where its dimming has fallen to this
        share
    annotated_own : of the dimming in the particle's own middle (1), or in that of a particle in
        focus (0), or between
    annotated_radius : particles whose annotated disc is smaller are not annotated either
    """

    height: int = option(512, 32, 8192)
    width: int = option(512, 32, 8192)
    radius: tuple[float, ...] = option((7.5, 14.0), 2, 200)
    radius_spread: tuple[float, ...] = option((0.05, 0.15), 0, 0.3)
    volume_fraction: tuple[float, ...] = option((0.15, 0.5), 0, 0.55)
    gap: float = option(0.0, 0, 100)
    clumping: tuple[float, ...] = option((0.0, 0.4), 0, 2)
    sheet: tuple[float, ...] = option((0.1, 0.45), 0.01, 3)
    sheet_growth: tuple[float, ...] = option((0.0, 0.7), 0, 5)
    light_from: tuple[str, ...] = option(("top", "bottom"), choices=SIDES)
    upstream: tuple[float, ...] = option((0.0, 300.0), 0, 5000)
    stripes: tuple[float, ...] = option((-0.008, 0.008), -0.1, 0.1)
    stripe_length: tuple[float, ...] = option((40.0, 120.0), 1, 10000)
    stripe_width: float = option(0.5, 0, 20)
    streaks: tuple[float, ...] = option((0.0, 0.1), 0, 1)
    attenuation: tuple[float, ...] = option((0.0, 0.6), 0, 20)
    fronts: float = option(0.2, 0, 1)
    walls: float = option(0.25, 0, 1)
    waviness: float = option(4.0, 0, 100)
    background: tuple[float, ...] = option((35.0, 120.0), 1, 255)
    haze: tuple[float, ...] = option((0.35, 0.55), 0, 1)
    tint: tuple[float, ...] = option((0.0, 0.25), 0, 1)
    unevenness: tuple[float, ...] = option((0.1, 0.4), 0, 1)
    shadow: tuple[float, ...] = option((0.0, 0.25), 0, 1)
    out_of_focus: tuple[float, ...] = option((0.02, 0.25), 0, 1)
    specks: tuple[float, ...] = option((0.0, 80.0), 0, 10000)
    blur: tuple[float, ...] = option((1.0, 3.2), 0.3, 20)
    halo: tuple[float, ...] = option((0.0, 0.4), 0, 1)
    gain: tuple[float, ...] = option((0.08, 0.25), 0.001, 20)
    read_noise: tuple[float, ...] = option((2.5, 5.0), 0, 50)
    dead_pixels: tuple[float, ...] = option((0.0, 40.0), 0, 10000)
    annotated_eye: float = option(1.5, 0, 100)
    annotated_depth: float = option(0.4, 0.05, 0.95)
    annotated_edge: float = option(0.53, 0.05, 0.95)
    annotated_own: float = option(0.4, 0, 1)
    annotated_radius: float = option(1.5, 0, 100)

    def conflicts(self) -> list[str]:
        """What contradicts itself."""
        offences = [
            f"{name}: expected [least, largest], found {list(value)}"
            for name in pairs()
            if len(value := getattr(self, name)) != 2 or value[0] > value[1]
        ]
        if not self.light_from:
            offences.append("light_from: expected at least one side, found none")
        return offences


def pairs() -> list[str]:
    """Names of the options that give a range to draw from."""
    numbers = tuple[float, ...]
    return [field.name for field in fields(SuspensionOptions) if field.type == numbers]
