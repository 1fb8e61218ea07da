"""Decoding of image files, strictly: a damaged or unusual file is an error, never a wrong image.

Which decoder reads what follows from what each gets right: tifffile knows every TIFF layout but
needs no further package only for uncompressed and deflated data; Pillow refuses truncated files and
keeps palette indices, but cuts 16-bit colour to 8 bits; OpenCV keeps 16-bit colour, and gives the
pixels of a JPEG, which are the same, in two thirds of the time.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

from segmill.datasets.jpeg import plain_jpeg
from segmill.errors import IntegrityError, Problem

TIFF_SUFFIXES = (".tif", ".tiff")
LOSSY_SUFFIXES = (".jpg", ".jpeg")
SUFFIXES = (".png", ".bmp", *TIFF_SUFFIXES, *LOSSY_SUFFIXES)

_ORIENTATION = 0x0112  # tag of TIFF and EXIF
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_GREY, _PNG_PALETTE = 0, 3
_JPEG_END = b"\xff\xd9"
_JPEG_FLAGS = {"L": cv2.IMREAD_GRAYSCALE, "RGB": cv2.IMREAD_COLOR_RGB}
_EMBEDDED_FORMATS = ("PNG", "JPEG", "BMP")
_PILLOW_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "I;16B")
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,  # Pillow's word for a broken PNG
    EOFError,
    LookupError,
    struct.error,
    zlib.error,
    cv2.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Raster:
    """Decoded pixels of one page of a file.

    Attributes
    ----------
    values : (h, w) or (h, w, S), in the dtype of the file; colours in the order R, G, B
    alpha : (h, w) of the same dtype, or None where the file has no transparency
    palette : (n, 3) uint8 colours of the indices in `values`, or None
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    palette: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.values.shape[:2]

    @property
    def opaque(self) -> bool:
        """Whether no pixel is even partly transparent."""
        return self.alpha is None or bool((self.alpha == np.iinfo(self.alpha.dtype).max).all())

    def rgb(self) -> np.ndarray:
        """Values with the palette applied: (h, w, 3) uint8; without a palette the values."""
        return self.values if self.palette is None else self.palette[self.values]


def offence(path: Path | str, expected: str, found: str) -> IntegrityError:
    """An error about one file."""
    return IntegrityError([Problem(str(path), expected, found)], "the input")


@contextmanager
def reading(path: Path, what: str = "a readable image") -> Iterator[None]:
    """Turn a decoder's complaint about `path` into an IntegrityError that names the file."""
    try:
        yield
    except IntegrityError:
        raise
    except _DAMAGE as error:
        cause = " ".join(str(error).split()) or "damaged data"
        raise offence(path, what, f"{type(error).__name__}: {cause}") from error


def is_tiff(path: Path) -> bool:
    """Whether the name says that a file is a TIFF."""
    return path.suffix.lower() in TIFF_SUFFIXES


def count_pages(path: Path) -> int:
    """Number of pages of a TIFF; 1 for any other format. Raises IntegrityError if unreadable."""
    if not is_tiff(path):
        return 1
    with reading(path), tifffile.TiffFile(path) as tif:
        return len(tif.pages)


def read_raster(path: Path, page: int | None = None) -> Raster:
    """Decode one page of a PNG, TIFF, JPEG or BMP file.

    Parameters
    ----------
    page : page of a TIFF from 0; None demands a file with one page

    Raises
    ------
    IntegrityError
        when the file is missing, damaged, of another format, of 2, 4, 10, 12 or 14 packed bits,
        rotated by an orientation tag, or has several pages and `page` is None.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise offence(path, f"an image ({', '.join(SUFFIXES)})", f"suffix {path.suffix!r}")
    with reading(path):
        if is_tiff(path):
            return _read_tiff(path, page)
        return _read_other(path)


def decode_raster(content: bytes, path: Path, what: str = "a readable image") -> Raster:
    """Decode a PNG, JPEG or BMP that is held in memory, as strictly as a file of its own.

    Parameters
    ----------
    path : file that the bytes come from; errors name it
    what : what was expected there

    Raises IntegrityError as :func:`read_raster` does.
    """
    with reading(path, what):
        return _read_other(path, content)


def _read_tiff(path: Path, page: int | None) -> Raster:
    with tifffile.TiffFile(path) as tif:
        count = len(tif.pages)
        if page is None and count != 1:
            hint = "with images.pages: true each page becomes a sample"
            raise offence(path, f"a TIFF of one page ({hint})", f"{count} pages")
        if page is not None and page >= count:
            raise offence(path, f"page {page} (counted from 0)", f"{count} pages")
        ifd = tif.pages[page or 0]
        _check_tiff(path, ifd)
        if ifd.shape[-1] == ifd.samplesperpixel or ifd.samplesperpixel == 1:
            expected = ifd.shape
        else:  # planes one after the other
            expected = (*ifd.shape[1:], ifd.shape[0])
        values = _tiff_values(path, ifd, page or 0)
        if values.shape != expected and values.shape == ifd.shape:
            values = np.ascontiguousarray(np.moveaxis(values, 0, -1))
        if values.shape != expected:
            raise offence(path, f"pixels of shape {expected}", f"{values.shape}")
        palette = None
        if ifd.photometric == tifffile.PHOTOMETRIC.PALETTE:
            palette = np.ascontiguousarray((ifd.colormap >> 8).astype(np.uint8).T)
        return _with_alpha(values, palette, has_alpha=bool({1, 2} & set(ifd.extrasamples)))


def _check_tiff(path: Path, ifd: tifffile.TiffPage) -> None:
    """Refuse what would be read wrongly without a word."""
    if len(ifd.shape) not in (2, 3) or ifd.imagedepth != 1:
        raise offence(path, "a flat image", f"axes {ifd.axes} of shape {ifd.shape}")
    _check_bits(path, ifd.bitspersample)
    if ifd.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        raise offence(path, "zero as black (MinIsBlack)", "a TIFF with zero as white (MinIsWhite)")
    if ifd.photometric in (tifffile.PHOTOMETRIC.SEPARATED, tifffile.PHOTOMETRIC.CIELAB):
        raise offence(path, "grey, palette or RGB colours", f"{ifd.photometric.name} colours")
    tag = ifd.tags.get(_ORIENTATION)
    _check_orientation(path, tag.value if tag else 1)


def _check_bits(path: Path, bits: int) -> None:
    if bits not in (1, 8, 16, 32):
        hint = "a 12-bit camera's values belong unpacked into 16 bits"
        raise offence(path, f"8 or 16 bits per channel ({hint})", f"{bits} bits")


def _check_orientation(path: Path, orientation: int) -> None:
    if orientation != 1:
        hint = "store the pixels upright, so that image and mask agree"
        raise offence(path, f"orientation 1 ({hint})", f"orientation tag {orientation}")


def _tiff_values(path: Path, ifd: tifffile.TiffPage, page: int) -> np.ndarray:
    try:
        tifffile.TIFF.DECOMPRESSORS[ifd.compression]
    except KeyError:
        return _tiff_values_by_others(path, ifd, page)
    return ifd.asarray()


def _tiff_values_by_others(path: Path, ifd: tifffile.TiffPage, page: int) -> np.ndarray:
    """Pixels of a page in a compression that tifffile leaves to others (LZW, JPEG, fax ...)."""
    if ifd.samplesperpixel > 1 and ifd.bitspersample > 8:
        decoded, images = cv2.imreadmulti(
            str(path), start=page, count=1, flags=cv2.IMREAD_UNCHANGED
        )
        if not decoded:
            raise offence(path, "a readable image", f"damaged {ifd.compression.name} data")
        return _from_bgr(images[0])
    with Image.open(path) as image:
        image.seek(page)
        values = np.array(image)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _read_other(path: Path, content: bytes | None = None) -> Raster:
    """Pixels of the file at `path`, or of `content` where that is given."""
    if (pixels := _plain_jpeg(path, content)) is not None:
        return Raster(pixels)
    depth, colour = 8, None
    if path.suffix.lower() == ".png" or (content or b"").startswith(_PNG_SIGNATURE):
        depth, colour = _png_header(path, content)
    source = path if content is None else BytesIO(content)
    with Image.open(source, formats=None if content is None else _EMBEDDED_FORMATS) as image:
        _check_orientation(path, image.getexif().get(_ORIENTATION, 1))
        if image.mode not in _PILLOW_MODES:
            raise offence(path, "grey, palette or RGB colours", f"{image.mode} colours")
        if colour != _PNG_PALETTE:
            _check_bits(path, depth)
        if depth == 16 and colour != _PNG_GREY:
            return _deep_png(path, content)
        if image.mode == "P":
            return _palette_raster(image)
        if image.format == "JPEG":
            content = path.read_bytes() if content is None else content
            if (pixels := _whole_jpeg(content, image.mode)) is not None:
                return Raster(pixels)
        if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
            image = image.convert("RGBA" if image.mode == "RGB" else "LA")
        values = np.array(image)
        return _with_alpha(values, None, has_alpha=image.mode in ("LA", "RGBA"))


def _plain_jpeg(path: Path, content: bytes | None) -> np.ndarray | None:
    """Pixels of a JPEG that Pillow need not open; None for anything else.

    Pillow takes a tenth of the time of the decoding to say what is in the file.
    """
    if content is None and path.suffix.lower() in LOSSY_SUFFIXES:
        content = path.read_bytes()
    plain = plain_jpeg(content) if content else None
    if plain is None or plain[1] > (Image.MAX_IMAGE_PIXELS or plain[1]):
        return None
    return _whole_jpeg(content, plain[0])


def _whole_jpeg(content: bytes, mode: str) -> np.ndarray | None:
    """Pixels of a JPEG by OpenCV; None where it is cut short or of other colours, left to Pillow.

    Some versions of OpenCV fill what is missing with grey without a word.
    """
    if mode not in _JPEG_FLAGS or not content.endswith(_JPEG_END):
        return None
    flags = _JPEG_FLAGS[mode] | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(content, np.uint8), flags)


def _png_header(path: Path, content: bytes | None) -> tuple[int, int]:
    """Bit depth and colour type from the IHDR chunk, which Pillow's mode hides (PNG, 11.2.2)."""
    if content is None:
        with path.open("rb") as file:
            content = file.read(26)
    header = content[:26]
    if len(header) < 26 or header[:8] != _PNG_SIGNATURE:
        raise offence(path, "a PNG file", f"a file that starts with {header[:8]!r}")
    return header[24], header[25]


def _palette_raster(image: Image.Image) -> Raster:
    values = np.array(image)
    palette = np.zeros((256, 3), np.uint8)
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(colours)] = colours
    alpha = None
    if "transparency" in image.info:
        alpha = np.array(image.convert("RGBA"))[..., 3]
    return Raster(values, alpha, palette)


def _deep_png(path: Path, content: bytes | None) -> Raster:
    """A PNG of 16 bits per channel with colours or alpha."""
    content = path.read_bytes() if content is None else content
    with Image.open(BytesIO(content)) as image:
        grey = image.mode in ("L", "LA", "I;16")
        image.verify()
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16:
        raise offence(path, "a readable image", "damaged data")
    values = _from_bgr(values)
    if not grey:
        return _with_alpha(values, None, has_alpha=values.shape[2] == 4)
    return Raster(values[..., 0].copy(), values[..., 3].copy() if values.shape[2] == 4 else None)


def _from_bgr(values: np.ndarray) -> np.ndarray:
    """OpenCV's channel order turned into R, G, B, alpha."""
    if values.ndim == 2 or values.shape[2] < 3:
        return values
    order = [2, 1, 0, *range(3, values.shape[2])]
    return np.ascontiguousarray(values[..., order])


def _with_alpha(values: np.ndarray, palette: np.ndarray | None, has_alpha: bool) -> Raster:
    """A raster whose last channel is taken off as alpha where the file says that it is one."""
    if not has_alpha or values.ndim == 2:
        return Raster(values, None, palette)
    colour, alpha = values[..., :-1], np.ascontiguousarray(values[..., -1])
    if colour.shape[2] == 1:
        colour = colour[..., 0]
    return Raster(np.ascontiguousarray(colour), alpha, palette)
