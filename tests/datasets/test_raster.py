from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from segmill.datasets.raster import count_pages, decode_raster, read_raster
from segmill.errors import IntegrityError
from tests.datasets.conftest import save


def random(shape, dtype, seed=0):
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(
        info.min, info.max, shape, dtype=dtype, endpoint=True
    )


def problem(path, page=None):
    with pytest.raises(IntegrityError) as caught:
        read_raster(path, page)
    (only,) = caught.value.problems
    assert only.file == str(path)
    return only


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3, 4])
def test_png_keeps_every_value(tmp_path, dtype, channels):
    array = random((7, 9) if channels is None else (7, 9, channels), dtype)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), array if channels is None else array[..., [2, 1, 0, 3][:channels]])
    raster = read_raster(path)
    assert raster.values.dtype == dtype
    np.testing.assert_array_equal(raster.values, array if channels != 4 else array[..., :3])
    if channels == 4:
        np.testing.assert_array_equal(raster.alpha, array[..., 3])
    else:
        assert raster.alpha is None


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
def test_tiff_keeps_every_value(tmp_path, dtype, compression):
    array = random((7, 9), dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, compression=compression)
    values = read_raster(tmp_path / "a.tif").values
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, array)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_colour_layouts_agree(tmp_path, planar):
    array = random((7, 9, 3), np.uint16)
    stored = array if planar == "contig" else np.moveaxis(array, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(read_raster(tmp_path / "a.tif").values, array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_lzw_tiff(tmp_path, dtype):
    array = random((7, 9), dtype)
    save(tmp_path / "a.tif", array, compression="tiff_lzw")
    values = read_raster(tmp_path / "a.tif").values
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lzw_tiff_in_colour(tmp_path, dtype):
    array = random((7, 9, 3), dtype)
    assert cv2.imwrite(str(tmp_path / "a.tif"), array[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    values = read_raster(tmp_path / "a.tif").values
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, array)


def test_pages_of_an_lzw_stack(tmp_path):
    stack = random((3, 7, 9), np.uint16)
    pages = [Image.fromarray(page) for page in stack]
    path = tmp_path / "a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    assert count_pages(path) == 3
    for k in range(3):
        np.testing.assert_array_equal(read_raster(path, k).values, stack[k])


def test_tiff_alpha_is_taken_off(tmp_path):
    array = random((7, 9, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=["unassalpha"])
    raster = read_raster(tmp_path / "a.tif")
    np.testing.assert_array_equal(raster.values, array[..., :3])
    np.testing.assert_array_equal(raster.alpha, array[..., 3])


def test_tiff_channels_without_alpha_are_all_kept(tmp_path):
    array = random((7, 9, 2), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", planarconfig="contig")
    raster = read_raster(tmp_path / "a.tif")
    np.testing.assert_array_equal(raster.values, array)
    assert raster.alpha is None


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_palette_gives_indices_and_colours(tmp_path, name):
    indices = random((7, 9), np.uint8) % 3
    image = Image.fromarray(indices).convert("P")
    colours = np.array([[0, 0, 0], [255, 0, 0], [10, 200, 30]], np.uint8)
    image.putdata(indices.ravel())
    image.putpalette(colours.ravel().tolist())
    image.save(tmp_path / name)
    raster = read_raster(tmp_path / name)
    np.testing.assert_array_equal(raster.values, indices)
    np.testing.assert_array_equal(raster.rgb(), colours[indices])


def test_jpeg(tmp_path):
    array = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    raster = read_raster(save(tmp_path / "a.jpg", array, quality=95))
    assert raster.values.shape == (16, 24, 3)
    assert np.abs(raster.values.astype(int) - array).max() < 8


def test_one_bit_png_reads_as_truth_values(tmp_path):
    array = random((7, 9), np.uint8) > 100
    raster = read_raster(save(tmp_path / "a.png", array))
    assert raster.values.dtype == bool
    np.testing.assert_array_equal(raster.values, array)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.bmp"])
def test_truncated_file(tmp_path, name):
    path = save(tmp_path / name, random((64, 64, 3), np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "readable image" in problem(path).expected


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_truncated_compressed_tiff(tmp_path, compression):
    # Its directory at the end of the file would be lost with the tail: damage the pixels instead.
    path = save(tmp_path / "a.tif", random((64, 64), np.uint8), compression=compression)
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[0].dataoffsets[0], tif.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = b"\xff" * count
    path.write_bytes(content)
    assert "readable image" in problem(path).expected


def test_truncated_deep_png(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), random((64, 64, 3), np.uint16))
    path.write_bytes(path.read_bytes()[:2000])
    assert "readable image" in problem(path).expected


def test_text_named_png(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("no image")
    assert "PNG" in problem(path).expected


def test_missing_file(tmp_path):
    assert "FileNotFoundError" in problem(tmp_path / "none.png").found


def test_unknown_suffix(tmp_path):
    assert problem(tmp_path / "a.gif").found == "suffix '.gif'"


def test_twelve_packed_bits(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, random((8, 8), np.uint16))
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["BitsPerSample"].overwrite(12)
    assert problem(path).found == "12 bits"


def test_four_bit_grey_png(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(random((8, 8), np.uint8)).save(path, bits=8)
    content = bytearray(path.read_bytes())
    content[24] = 4
    path.write_bytes(content)
    only = problem(path)
    assert "4 bits" in only.found or "readable" in only.expected


def test_zero_as_white(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", random((8, 8), np.uint8), photometric="miniswhite")
    assert "MinIsWhite" in problem(tmp_path / "a.tif").found


def test_cmyk(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (8, 8)).save(path)
    assert problem(path).found == "CMYK colours"


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_rotated_by_a_tag(tmp_path, name):
    path = tmp_path / name
    image = Image.fromarray(random((8, 8), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    assert problem(path).found == "orientation tag 6"


def test_stack_without_page(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, random((3, 8, 8), np.uint8), photometric="minisblack")
    only = problem(path)
    assert only.found == "3 pages"
    assert "images.pages: true" in only.expected
    assert problem(path, 3).expected == "page 3 (counted from 0)"


def test_png_text_chunks_do_not_matter(tmp_path):
    info = PngInfo()
    info.add_text("Comment", "x" * 1000)
    array = random((8, 8), np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png", pnginfo=info)
    np.testing.assert_array_equal(read_raster(tmp_path / "a.png").values, array)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_images_in_memory_are_those_of_files(tmp_path, kind):
    values = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    path = tmp_path / f"x.{'jpg' if kind == 'JPEG' else kind.lower()}"
    Image.fromarray(values).save(path)
    found = decode_raster(path.read_bytes(), Path("a.json"))
    np.testing.assert_array_equal(found.values, read_raster(path).values)


def test_deep_colours_in_memory(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (9, 12, 3), dtype=np.uint16)
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), values[..., ::-1])
    np.testing.assert_array_equal(decode_raster(path.read_bytes(), path).values, values)
    with pytest.raises(IntegrityError, match=r"a\.json: expected an image in it"):
        decode_raster(path.read_bytes()[:-30], Path("a.json"), "an image in it")
