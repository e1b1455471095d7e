"""Who is whose positive and negative, as the engine sees it."""

import torch

from dipole.kernels import count, pairs
from dipole.objectives.labels.labelled import labelled, scored


def sizes(batch):
    asked = [count(batch.positive), count(batch.negative)]
    return [x.tolist() for x in pairs(batch.rows, batch.columns, row=asked).row]


def test_labels_ids_and_neither():
    views = torch.randn(2, 3, 4)  # rows: example by example, two views each
    assert sizes(labelled(views, None, None)) == [[1] * 6, [4] * 6]
    labels = torch.tensor([0, 0, 1])
    assert sizes(labelled(views, labels, None)) == [[3, 3, 3, 3, 1, 1], [2, 2, 2, 2, 4, 4]]
    ids = torch.tensor([5, 6, 5])  # the first and the last are one content
    assert sizes(labelled(views, labels, ids)) == [[3, 3, 3, 3, 1, 1], [0, 0, 2, 2, 2, 2]]


def test_rows_come_back_as_views():
    views = torch.randn(2, 3, 4)
    batch = labelled(views, None, None)
    turned = batch.reduce(batch.rows[:, 0], "none")
    torch.testing.assert_close(turned, torch.nn.functional.normalize(views, dim=-1)[..., 0])


def test_a_score_matrix_is_seen_as_it_is():
    scores, labels = torch.randn(4, 4), torch.tensor([0, 0, 1, 1])
    batch = scored(scores, labels)
    torch.testing.assert_close(batch.rows @ batch.columns.T, scores)
    assert sizes(batch) == [[1] * 4, [2] * 4]
