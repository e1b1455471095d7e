"""Metrix: mixtures of the batch with fractional labels, whatever the classes' sizes."""

import pytest
import torch

from dipole.systems.vision.metrix import LabelMixtures


def batch(labels):
    n = len(labels)
    return {"anchor": torch.eye(n), "labels": torch.tensor(labels), "rows": torch.arange(n)}


@pytest.mark.parametrize("seed", range(6))
def test_a_mixture_is_of_a_positive_or_the_anchor_and_of_a_negative(seed):
    torch.manual_seed(seed)
    labels = [0, 0, 0, 1, 1, 2]
    found = LabelMixtures().before(batch(labels))
    mixed, y = found["candidates"], found["relevance"]
    assert mixed.shape == (6, 3, 6)  # class 0 has three negatives
    assert y.unique().numel() == 1
    weight = float(y[0, 0])
    with_self = []
    for i, lists in enumerate(mixed):
        for one in lists:
            (first,) = (k for k in range(6) if labels[k] == labels[i] and one[k] > 0)
            (other,) = (k for k in range(6) if labels[k] != labels[i] and one[k] > 0)
            assert float(one[first]) == pytest.approx(weight)
            assert float(one[other]) == pytest.approx(1 - weight)
            with_self.append(first == i)
        assert len({tuple(one.tolist()) for one in lists}) == 3  # no negative twice
    assert with_self[-3:] == [True] * 3  # the one without a positive
    assert len(set(with_self[:-3])) == 1  # one coin for all
