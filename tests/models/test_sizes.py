import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segmill.models import crop, next_multiple, pad_to_multiple
from segmill.models.sizes import reflected_index


@given(size=st.integers(1, 1000), multiple=st.integers(1, 64))
def test_next_multiple_is_the_least(size, multiple):
    found = next_multiple(size, multiple)
    assert found % multiple == 0
    assert size <= found < size + multiple


@given(size=st.integers(1, 12), extra=st.integers(0, 40))
def test_reflection_equals_numpys(size, extra):
    expected = np.pad(np.arange(size), (0, extra), mode="reflect")
    assert np.array_equal(reflected_index(size, size + extra), expected)


@given(height=st.integers(1, 20), width=st.integers(1, 20), multiple=st.integers(1, 16))
def test_padding_keeps_the_corner_and_crop_undoes_it(height, width, multiple):
    image = np.random.default_rng(0).integers(0, 9, (2, height, width))
    padded = pad_to_multiple(image, multiple)
    assert padded.shape == (2, next_multiple(height, multiple), next_multiple(width, multiple))
    assert np.array_equal(crop(padded, (height, width)), image)
    as_tensor = pad_to_multiple(torch.from_numpy(image), multiple)
    assert np.array_equal(as_tensor.numpy(), padded)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16, np.float32])
def test_padding_keeps_the_dtype(dtype):
    assert pad_to_multiple(np.ones((3, 5), dtype), 4).dtype == dtype


def test_a_size_that_fits_is_not_copied():
    image = torch.zeros(1, 1, 8, 4)
    assert pad_to_multiple(image, 4) is image


def test_an_empty_image_is_refused():
    with pytest.raises(ValueError, match="0x5"):
        pad_to_multiple(np.zeros((0, 5)), 4)


def test_the_gradient_of_a_padded_image_reaches_its_pixels():
    image = torch.rand(1, 1, 3, 3, requires_grad=True)
    pad_to_multiple(image, 4).sum().backward()
    # Row 3 repeats row 1 and column 3 column 1, the edge itself is not repeated.
    assert torch.equal(image.grad[0, 0], torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]))
