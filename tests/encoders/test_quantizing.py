"""Precisions of vectors: by a double loop from the equations, and as sentence-transformers does."""

import math

import numpy as np
import pytest

from dipole.encoders.quantizing import PRECISIONS, quantize, ranges_of
from dipole.errors import InputError

VECTORS = np.random.default_rng(0).standard_normal((40, 19)).astype(np.float32)
VECTORS[:, 3] = 0.25  # a number that never varies


def test_int8_by_the_equation():
    low, high = VECTORS.min(0), VECTORS.max(0)
    expected = np.empty(VECTORS.shape, np.int8)
    for row, vector in enumerate(VECTORS):
        for d, value in enumerate(vector):
            step = np.float32((high[d] - low[d]) / 255) or np.float32(1)
            expected[row, d] = min(max(math.floor((value - low[d]) / step), 0), 255) - 128
    assert (quantize(VECTORS, "int8") == expected).all()


def test_values_outside_of_the_ranges_are_cut():
    ranges = np.array([[0.0], [255.0]], np.float32)
    found = quantize(np.array([[-3.0], [0.0], [100.7], [255.0], [999.0]]), "int8", ranges)
    assert found.tolist() == [[-128], [-128], [-28], [127], [127]]


def test_bits_are_signs_eight_to_a_byte():
    found = quantize(VECTORS, "ubinary")
    assert found.shape == (40, 3)
    assert found.dtype == np.uint8
    for row, vector in enumerate(VECTORS):
        bits = [int(value > 0) for value in vector] + [0] * 5
        assert found[row].tolist() == [
            sum(bit << (7 - i) for i, bit in enumerate(bits[8 * b : 8 * b + 8])) for b in range(3)
        ]
    signed = quantize(VECTORS, "binary")
    assert signed.dtype == np.int8
    assert (signed.astype(int) == found.astype(int) - 128).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_values_are_those_of_sentence_transformers(precision):
    theirs = pytest.importorskip("sentence_transformers.util").quantize_embeddings
    assert (quantize(VECTORS, precision) == theirs(VECTORS, precision)).all()
    if precision == "int8":
        ranges = ranges_of(VECTORS[:10])
        assert (quantize(VECTORS, precision, ranges) == theirs(VECTORS, precision, ranges)).all()
    assert quantize(VECTORS, precision).dtype == theirs(VECTORS, precision).dtype


def test_mistakes():
    with pytest.raises(InputError, match=r"precision: found 'int4'; expected float32, int8"):
        quantize(VECTORS, "int4")
    with pytest.raises(InputError, match=r"ranges: found \(2, 3\); expected \(2, 19\)"):
        quantize(VECTORS, "int8", np.zeros((2, 3)))
    with pytest.raises(InputError, match="ranges: found some for ubinary"):
        quantize(VECTORS, "ubinary", np.zeros((2, 19)))
