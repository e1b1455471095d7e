"""Progressive weights against the equation written out, and through a training."""

import functools
import math

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Pairs
from dipole.errors import InputError
from dipole.objectives import PEG, InfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def losses(anchor, positive, negative, ids, negative_ids, temperature):
    for i in range(len(anchor)):
        own = cosine(anchor[i], positive[i]) / temperature
        terms = [own]
        for j in range(len(positive)):
            if j != i and (ids is None or ids[j] != ids[i]):
                terms.append(cosine(anchor[i], positive[j]) / temperature)
        for j in range(0 if negative is None else len(negative)):
            if ids is None or negative_ids is None or negative_ids[j] != ids[i]:
                terms.append(cosine(anchor[i], negative[j]) / temperature)
        yield lse(terms) - own


def oracle(
    anchor, positive, negative=None, ids=None, negative_ids=None, *,
    temperature, gamma, highest, progress, at,
):  # fmt: skip
    then = {"negative": None, "ids": None, "negative_ids": None} | at
    before = losses(**then, temperature=temperature)
    fixed = [(1 - math.exp(-x)) ** (gamma * progress) for x in before]
    now = losses(anchor, positive, negative, ids, negative_ids, temperature)
    mean = sum(fixed) / len(fixed)
    return [min(w / (mean or 1), highest) * x for w, x in zip(fixed, now, strict=True)]


class TestPEG(Battery):
    spec = Spec(
        "peg",
        oracle,
        settings=(
            {"temperature": 0.3, "gamma": 2.0, "progress": 0.5},
            {"temperature": 0.3, "progress": 1.0, "highest": 1.1},
        ),
        detached=True,
    )


@pytest.mark.parametrize("settings", [{"gamma": 0.0, "progress": 1.0}, {"progress": 0.0}])
def test_without_progress_it_is_infonce_bit_for_bit(settings):
    a, p, n = torch.randn(3, 6, 4)
    assert PEG(**settings)(a, p, n).equal(InfoNCE(symmetric=False)(a, p, n))


def test_the_trainer_sets_the_progress(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(40)]
    seen, forward = [], PEG.forward

    @functools.wraps(forward)
    def watched(self, *args, **inputs):
        seen.append(self.progress)
        return forward(self, *args, **inputs)

    monkeypatch.setattr(PEG, "forward", watched)
    dipole.fit(
        Pairs.from_columns({"anchor": words, "positive": words[::-1]}),
        objective="peg", out=tmp_path / "run", batch_size=10, max_steps=5,
        encoder_options={"dim": 8}, show_progress=False,
    )  # fmt: skip
    assert seen == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_wrong_settings():
    with pytest.raises(InputError, match="gamma: found -1, expected a number of 0 or more"):
        PEG(gamma=-1)
    with pytest.raises(InputError, match="progress: found 2, expected a number from 0 to 1"):
        PEG(progress=2)
