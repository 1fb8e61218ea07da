"""Options of the superpixel methods."""

from dataclasses import dataclass

from segmill.options import option

MEANS = ("running", "seed")


@dataclass(frozen=True)
class EikonalOptions:
    """How eikonal superpixels grow, merge and settle (seeds at :mod:`segmill.superpixels.seeds`).

    Colours are CIELAB channels of mean 0 and standard deviation 1 over the image, lengths pixels.

    Attributes
    ----------
    n_segments : number of superpixels wanted
    weight : of a colour's distance to the region's in the slowness of its front, which is 1 for a
        pixel of the region's colour
    power : 1 or 2, of that distance
    means : a region's colour is the ``running`` mean of its pixels, or that of its ``seed``
    edge_weight : of the gradient's magnitude in the slowness, wherever a front comes from
    smoothing : standard deviation of a Gaussian blur of the colours
    least_spread : channels with a smaller standard deviation, in units of CIELAB, are divided by
        this instead
    width : of the grid of first seeds; null: from `spacing`
    spacing : width of that grid, times the width of the cells of a grid of all seeds; above 1,
        seeds are left to be added where fronts arrive last
    rounds : in so many rounds these are added, more where a round finds too few
    margin : radius of the disc around an added seed that must lie in one region
    excess : regions that grow, times the superpixels wanted; above 1, neighbours are then merged
    length_power : of the common boundary in the merging: see
        :func:`segmill.superpixels.merging.merge_superpixels`
    contour_weight : of the contours' length, in squared units of the colours, when boundaries
        settle: see :func:`segmill.superpixels.contours.settle_contours`
    sweeps : largest number of passes in which they do; 0: boundaries stay where fronts met
    """

    n_segments: int = option(400, 1)
    weight: float = option(60.0, 0, 1e6)
    power: int = option(2, choices=(1, 2))
    means: str = option("running", choices=MEANS)
    edge_weight: float = option(0.0, 0, 1e6)
    smoothing: float = option(1.2, 0, 100)
    least_spread: float = option(8.0, 0, 100)
    width: float | None = option(None, 1, 1e5)
    spacing: float = option(1.5, 1, 100)
    rounds: int = option(1, 1, 1000)
    margin: int = option(3, 0, 100)
    excess: float = option(1.5, 1, 100)
    length_power: float = option(2.0, 0, 10)
    contour_weight: float = option(0.1, 0, 1e6)
    sweeps: int = option(3, 0, 1000)


@dataclass(frozen=True)
class SlicOptions:
    """SLIC of scikit-image (Achanta et al., TPAMI 34, 2012).

    Attributes
    ----------
    n_segments : number of superpixels wanted, which SLIC comes near
    compactness : weight of the distance in the image against that of colours
    smoothing : standard deviation of a Gaussian blur of the image, px
    """

    n_segments: int = option(400, 1)
    compactness: float = option(20.0, 1e-6, 1e6)
    smoothing: float = option(0.0, 0, 100)


@dataclass(frozen=True)
class CompactWatershedOptions:
    """Compact watershed of the gradient (Neubert, Protzel, ICPR 2014; scikit-image).

    Attributes
    ----------
    n_segments : number of markers wanted, which the grid comes near
    compactness : weight of the distance to the marker against the gradient, that of grey levels
        from 0 to 1
    """

    n_segments: int = option(400, 1)
    compactness: float = option(0.001, 0, 1e6)


@dataclass(frozen=True)
class FelzenszwalbOptions:
    """Graph-based segmentation of Felzenszwalb and Huttenlocher (IJCV 59, 2004; scikit-image).

    The number of its segments cannot be set; `scale` and `min_size` govern it.

    Attributes
    ----------
    scale : larger gives larger segments
    sigma : standard deviation of a Gaussian blur of the image, px
    min_size : least area of a segment, square px
    """

    scale: float = option(20.0, 0, 1e6)
    sigma: float = option(0.8, 0, 100)
    min_size: int = option(70, 1)


SuperpixelOptions = EikonalOptions | SlicOptions | CompactWatershedOptions | FelzenszwalbOptions
