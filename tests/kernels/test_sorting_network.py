"""The sorting network beside torch.sort and beside a loop over its layers."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from dipole.kernels.sorting_network import odd_even_sort


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_steep_network_sorts(n):
    x = torch.randn(3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    values, matrix = odd_even_sort(x, steepness=1e9)
    wanted, order = x.sort(-1)
    torch.testing.assert_close(values, wanted, rtol=1e-6, atol=1e-6)
    # matrix[i, r]: item i arrives at rank r.
    torch.testing.assert_close(matrix.argmax(1), order)
    torch.testing.assert_close(matrix.sum(-1), torch.ones(3, n, dtype=torch.float64))
    torch.testing.assert_close(matrix.sum(-2), torch.ones(3, n, dtype=torch.float64))


def test_by_a_loop_over_layers():
    x = [0.3, -0.2, 0.9, 0.1]
    n, items = len(x), list(x)
    share = [[float(i == r) for r in range(n)] for i in range(n)]
    for layer in range(n):
        for u in range(layer % 2, n - 1, 2):
            w = math.atan(2.0 * (items[u + 1] - items[u])) / math.pi + 0.5
            a, b = items[u], items[u + 1]
            items[u], items[u + 1] = w * a + (1 - w) * b, (1 - w) * a + w * b
            for row in share:
                a, b = row[u], row[u + 1]
                row[u], row[u + 1] = w * a + (1 - w) * b, (1 - w) * a + w * b
    values, matrix = odd_even_sort(torch.tensor(x, dtype=torch.float64), steepness=2.0)
    torch.testing.assert_close(values, torch.tensor(items, dtype=torch.float64))
    torch.testing.assert_close(matrix, torch.tensor(share, dtype=torch.float64))
    torch.testing.assert_close(torch.tensor(x, dtype=torch.float64) @ matrix, values)


def test_gradient():
    x = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: odd_even_sort(x, steepness=3.0), x)


def test_empty_places_stay_where_they_are():
    x = torch.tensor([0.0, 0.0, 0.5, 0.2], dtype=torch.float64)
    there = torch.tensor([False, False, True, True])
    values, matrix = odd_even_sort(x, there=there)
    assert values[:2].tolist() == [0, 0]
    torch.testing.assert_close(matrix[:2], torch.eye(4, dtype=torch.float64)[:2])
    alone, small = odd_even_sort(x[2:])
    assert values[2] < 0.5
    assert small.shape == (2, 2)
    torch.testing.assert_close(values[2:].sum(), alone.sum())
