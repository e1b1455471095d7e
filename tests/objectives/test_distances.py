"""Distances from cosines, also where they are 0."""

import pytest
import torch

from dipole.objectives.distances import distance


def test_are_those_of_the_vectors():
    x, y = torch.nn.functional.normalize(torch.randn(2, 6, 4, dtype=torch.float64), dim=-1)
    cosine = (x * y).sum(1)
    wanted = torch.linalg.vector_norm(x - y, dim=1)
    torch.testing.assert_close(distance(cosine, "euclidean"), wanted)
    torch.testing.assert_close(distance(cosine, "squared"), wanted.square())


def test_nothing_apart_and_a_little_more_than_nothing():
    score = torch.tensor([1.0, 1 + 1e-6, 0.0], requires_grad=True)
    found = distance(score, "euclidean")
    assert found.tolist() == [0, 0, pytest.approx(2**0.5)]
    assert torch.autograd.grad(found.sum(), score)[0].isfinite().all()
