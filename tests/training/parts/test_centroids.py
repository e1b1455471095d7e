"""Centroids as negatives and labels, when they start, and through a stopped training."""

import copy

import pytest
import torch
import torch.nn.functional as F

import dipole
from dipole.errors import InputError
from dipole.objectives import BarlowTwins, BidirectionalMargin, InfoNCE
from dipole.training.parts import Centroids
from support.parts import bound

INPUTS = InfoNCE().inputs()


def batch(anchor, first=0):
    n = len(anchor)
    return {
        "anchor": anchor,
        "positive": anchor,
        "ids": torch.arange(first, first + n),
        "rows": torch.arange(first, first + n),
    }


def test_nothing_happens_until_the_batch_is_spread():
    part = bound(Centroids(3, start=0.4), INPUTS)
    close = F.normalize(torch.ones(6, 4) + 0.1 * torch.randn(6, 4), dim=1)
    found = part.before(batch(close))
    part.after_step()
    assert "negative" not in found
    assert len(set(found["labels"].tolist())) == 6
    assert len(part.vectors) == 0
    part.before(batch(torch.eye(4)))
    part.after_step()
    assert part.vectors.shape == (3, 4)


def test_the_second_nearest_is_the_negative_and_the_nearest_the_label():
    part = bound(Centroids(2, start=1.0, rate=0.0), INPUTS)
    part.before(batch(torch.eye(2)))
    part.after_step()
    anchor = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], requires_grad=True)
    own = {"negative": torch.ones(1, 2), "negative_ids": torch.tensor([7])}
    found = part.before(batch(anchor) | own)
    first, second = found["labels"].tolist()[:2]
    assert found["labels"].tolist() == [first, second, first]
    assert found["negative"][1:].tolist() == part.vectors[[second, first, second]].tolist()
    assert found["negative_ids"].tolist() == [7, -1, -1, -1]
    assert not found["negative"].requires_grad


def test_a_copy_starts_no_two_centroids():
    part = bound(Centroids(3, start=1.0), INPUTS)
    part.before(batch(torch.eye(3)[[0, 0, 1, 2]]) | {"ids": torch.tensor([5, 5, 6, 7])})
    part.after_step()
    assert sorted(part.vectors.argmax(1).tolist()) == [0, 1, 2]


def test_an_objective_without_negatives_is_refused():
    with pytest.raises(InputError, match="centroids: the objective takes no negatives"):
        bound(Centroids(3), BarlowTwins().inputs())


def test_a_run_stopped_and_resumed_ends_the_same(pairs, tiny_encoder, tmp_path, monkeypatch):
    from dipole.training.loop import Trainer

    settings = {
        "parts": "centroids:count=4,start=1.0", "batch_size": 8, "checkpoint_every": 3,
        "show_progress": False,
    }  # fmt: skip

    def objective():
        return InfoNCE(symmetric=False) + 0.1 * BidirectionalMargin()

    whole = dipole.fit(
        pairs, copy.deepcopy(tiny_encoder), objective(), out=tmp_path / "whole", **settings
    )
    step = Trainer._step

    def failing(self, batch):
        if self.progress.step == 8:
            raise KeyboardInterrupt
        return step(self, batch)

    out = tmp_path / "stopped"
    monkeypatch.setattr(Trainer, "_step", failing)
    with pytest.raises(KeyboardInterrupt):
        dipole.fit(pairs, copy.deepcopy(tiny_encoder), objective(), out=out, **settings)
    monkeypatch.setattr(Trainer, "_step", step)
    resumed = dipole.fit(
        pairs, copy.deepcopy(tiny_encoder), objective(), out=out, resume=True, **settings
    )
    for a, b in zip(whole.encoder.parameters(), resumed.encoder.parameters(), strict=True):
        assert a.equal(b)
