"""Relations on a tile: positives, who is dropped, and by which label."""

from __future__ import annotations

import pytest
import torch

from dipole.errors import InputError
from dipole.relations import diagonal, function, listed, same_label, targets


def evaluate(relation, n, m):
    """W and who is dropped, as (n, m) tensors."""
    i, j = torch.arange(n)[:, None], torch.arange(m)[None]

    def tile(rule):
        row = [t[:, None] if t.dim() == 1 else t for t in rule.row]
        column = [t[None] if t.dim() == 1 else t for t in rule.column]
        return rule.fn(i, j, *row, *column, *rule.grid).expand(n, m)

    dropped = torch.zeros(n, m, dtype=torch.bool)
    for rule in relation.dropped:
        dropped |= tile(rule)
    return tile(relation.positive), dropped


def test_diagonal_and_duplicates():
    weight, dropped = evaluate(diagonal().without_duplicates(torch.tensor([7, 8, 7])), 3, 3)
    assert weight.int().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert dropped.int().tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_labels_without_self():
    weight, dropped = evaluate(same_label(torch.tensor([1, 1, 2])).without_self(), 3, 3)
    assert weight.int().tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert dropped.int().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_labels_of_other_candidates():
    weight, _ = evaluate(same_label(torch.tensor([1, 2]), torch.tensor([2, 2, 1])), 2, 3)
    assert weight.int().tolist() == [[0, 0, 1], [1, 1, 0]]


def test_listed_positives_with_strengths():
    positives = torch.tensor([[10, 12], [11, -1]])
    ids = torch.tensor([10, 11, 12])
    weight, _ = evaluate(listed(positives, ids), 2, 3)
    assert weight.tolist() == [[1, 0, 1], [0, 1, 0]]
    weight, _ = evaluate(listed(positives, ids, torch.tensor([[0.5, 2], [3, 9]])), 2, 3)
    assert weight.tolist() == [[0.5, 0, 2], [0, 3, 0]]


def test_targets_and_functions_agree():
    teacher = torch.rand(3, 2)
    by_matrix, _ = evaluate(targets(teacher @ teacher.T), 3, 3)
    by_function, _ = evaluate(function(lambda i, j, a, b: a @ b.T, (teacher,), (teacher,)), 3, 3)
    assert torch.equal(by_matrix, by_function)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: same_label(torch.ones(2, 2)), r"labels: found shape \(2, 2\)"),
        (lambda: diagonal().without_duplicates(torch.ones(1, 2)), r"ids: found shape \(1, 2\)"),
        (lambda: listed(torch.ones(2), torch.ones(2)), r"positives: found shape \(2,\)"),
        (lambda: listed(torch.ones(2, 1), torch.ones(2), torch.ones(2)), r"weights: found shape"),
        (lambda: targets(torch.ones(2)), r"weights: found shape \(2,\), expected \(n, m\)"),
    ],
)
def test_errors(make, says):
    with pytest.raises(InputError, match=says):
        make()
