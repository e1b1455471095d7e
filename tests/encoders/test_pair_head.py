"""A head on pairs is saved with the encoder it was trained with, and judges as it did."""

import numpy as np
import pytest
import torch

from dipole.data import Scored
from dipole.encoders.base import fingerprint
from dipole.encoders.pair_head import HeadScorer, PairHead
from dipole.errors import InputError
from dipole.training.fit import fit
from dipole.training.loop import Trainer

TEXTS = ["open a file", "close the door", "read one line", "write it down"]
GRADED = Scored.from_columns({"first": TEXTS, "second": TEXTS[::-1], "score": [0.1, 0.5, 0.9, 0.2]})
SMALL = {
    "encoder_options": {"dim": 8, "buckets": 64}, "batch_size": 4, "max_steps": 3,
    "show_progress": False,
}  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run, with the objective as it was at its end."""
    kept = []
    first = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda self: kept.append(self.towers) or first(self))
    found = fit(GRADED, None, "dse", out=tmp_path / "run", **SMALL)
    return found, kept[0].objective


def test_the_head_has_the_towers_dimension_and_judges_as_it_did(run):
    found, objective = run
    assert objective.head.dim == found.encoder.dim == 8
    scorer = HeadScorer.load(found.folder)
    u, v = (torch.from_numpy(found.encoder.encode(side)) for side in (TEXTS, TEXTS[::-1]))
    with torch.no_grad():
        expected = objective.head(u, v)[:, 0]
    np.testing.assert_allclose(scorer.score(TEXTS, TEXTS[::-1]), expected, atol=1e-6)


def test_the_fingerprint_is_of_both(run):
    one, other = HeadScorer.load(run[0].folder), HeadScorer.load(run[0].folder)
    assert fingerprint(one) == fingerprint(other)
    with torch.no_grad():
        other.head.last.bias.add_(1)
    assert fingerprint(one) != fingerprint(other)


def test_several_outputs_are_all_given(run):
    scorer = HeadScorer(run[0].encoder, PairHead(8, 3))
    assert scorer.score(TEXTS, TEXTS).shape == (4, 3)
    assert scorer.score([], []).shape == (0, 3)


def test_a_run_without_a_head_is_said(tmp_path):
    plain = fit(GRADED, None, "cosent", out=tmp_path / "plain", **SMALL)
    with pytest.raises(InputError, match="no head for pairs; expected a run of an objective"):
        HeadScorer.load(plain.folder)


def test_the_best_model_has_its_head(tmp_path):
    found = fit(
        GRADED, None, "dse", out=tmp_path / "run", validation=GRADED, validate_every=1, **SMALL
    )
    assert HeadScorer.load(found.folder).score(TEXTS, TEXTS).shape == (4,)
