"""The loss of a graph against the sum over its edges; free vectors are found and saved."""

import numpy as np
import torch

from dipole.encoders import load_encoder
from dipole.systems.vision.kernel_infonce import Free, OfGraph


def test_the_loss_is_the_sum_over_edges():
    rng = np.random.default_rng(0)
    pi = rng.random((5, 5))
    np.fill_diagonal(pi, 0)
    z = torch.nn.functional.normalize(torch.randn(5, 3, dtype=torch.double), dim=1)
    rows = torch.tensor([3, 1, 0, 4, 2])
    kernel = np.exp(-np.square(z.numpy()[:, None] - z.numpy()).sum(-1) / 0.5)
    np.fill_diagonal(kernel, 0)
    share = kernel / kernel.sum(1, keepdims=True)
    expected = -sum(
        pi[rows[i], rows[j]] * np.log(share[i, j]) for i in range(5) for j in range(5) if i != j
    )
    assert np.isclose(float(OfGraph(pi=pi)(z, rows)), expected)


def test_free_vectors_are_by_number(tmp_path):
    from dipole.encoders.own import save_encoder

    tower = Free(4, 2)
    save_encoder(tower, tmp_path)
    found = load_encoder(tmp_path).encode(["2", "0"])
    expected = torch.nn.functional.normalize(tower.vectors.detach(), dim=1)[[2, 0]]
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)
