"""Headers of JPEGs, against what Pillow says of the same files."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from segmill.datasets.jpeg import plain_jpeg
from segmill.datasets.raster import decode_raster


def jpeg(mode="RGB", size=(37, 21), **options):
    """The bytes of a JPEG."""
    noise = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(noise).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 300}])
def test_colours_and_size_are_those_of_pillow(mode, options):
    content = jpeg(mode, **options)
    image = Image.open(BytesIO(content))
    assert plain_jpeg(content) == (image.mode, image.width * image.height)


def test_what_is_unusual_is_left_to_pillow():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert plain_jpeg(jpeg(exif=exif)) is None
    assert plain_jpeg(jpeg(xmp=b"<x:xmpmeta/>")) is None
    assert plain_jpeg(jpeg("CMYK")) is None
    assert plain_jpeg(b"\x89PNG") is None
    assert plain_jpeg(b"") is None


def test_a_header_cut_short_anywhere_is_no_plain_jpeg_or_the_same():
    content = jpeg()
    whole = plain_jpeg(content)
    found = {plain_jpeg(content[:n]) for n in range(len(content))}
    assert found == {None, whole}


def test_pixels_are_those_of_pillow(tmp_path):
    for mode in ("L", "RGB"):
        content = jpeg(mode)
        expected = np.array(Image.open(BytesIO(content)))
        np.testing.assert_array_equal(decode_raster(content, tmp_path / "a").values, expected)
