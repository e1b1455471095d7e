"""By hand and on planted clusters."""

import pytest
import torch
import torch.nn.functional as F

from dipole.sampling.online_kmeans import assign, farthest_first, follow, mean_cosine


def test_a_chain_by_hand():
    """From 0 degrees the least similar is 180, from there 20, from there 150."""
    angles = torch.deg2rad(torch.tensor([0.0, 20.0, 150.0, 180.0]))
    vectors = torch.stack([angles.cos(), angles.sin()], 1)
    assert farthest_first(vectors, 4).equal(vectors[[0, 3, 1, 2]])
    assert len(farthest_first(vectors, 9)) == 4


def test_assignments_and_steps_by_hand():
    centroids = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    rows = torch.tensor([[1.0, 0.1], [0.8, 0.3], [0.1, 1.0]])
    nearest, second = assign(rows, centroids)
    assert nearest.tolist() == [0, 0, 1]
    assert second.tolist() == [1, 1, 0]
    expected = [[0.5 * 2 + 0.5 * 0.9, 0.5 * 0.2], [0.05, 1.0], [-1.0, 0.0]]
    torch.testing.assert_close(follow(centroids, rows, 0.5), torch.tensor(expected))


def test_mean_cosine_equals_the_matrix():
    rows = F.normalize(torch.randn(7, 3), dim=1)
    matrix = rows @ rows.T
    assert mean_cosine(rows) == pytest.approx(float(matrix.sum() - 7) / 42, abs=1e-6)


def test_planted_clusters_are_found_by_following():
    generator = torch.Generator().manual_seed(0)
    centres = F.normalize(torch.randn(5, 8, generator=generator), dim=1)

    def batch():
        truth = torch.randint(0, 5, (64,), generator=generator)
        noise = 0.1 * torch.randn(64, 8, generator=generator)
        return truth, F.normalize(centres[truth] + noise, dim=1)

    truth, rows = batch()
    found = torch.stack([rows[truth == k][0] for k in range(5)])
    for _ in range(100):
        found = follow(found, batch()[1], 0.1)
    assert (F.cosine_similarity(found, centres) > 0.99).all()
