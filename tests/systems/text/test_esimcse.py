import numpy as np
import pytest

from dipole.systems.text.esimcse import length_gap


def test_the_gap_of_vectors_that_are_their_length():
    """Two lengths, two directions: near lengths have cosine 1, others 0."""
    lengths = np.repeat([4, 12], 20)
    vectors = np.repeat(np.eye(2), 20, axis=0)
    assert length_gap(vectors, lengths) == pytest.approx(100)
    assert length_gap(np.ones((40, 1)), lengths) == pytest.approx(0)
