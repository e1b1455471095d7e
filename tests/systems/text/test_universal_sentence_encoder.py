"""Responses by loops over the equation, sentences with those behind them, three kinds in turn."""

import math

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Inputs, Pairs, Scored
from dipole.encoders.pair_head import HeadScorer
from dipole.errors import InputError
from dipole.systems.text.universal_sentence_encoder import Responses, following


def test_responses_go_through_layers_of_their_own():
    torch.manual_seed(0)
    objective, (u, h) = Responses(dim=3).double(), torch.randn(2, 4, 3).double()
    w1, b1, w2, b2 = (x.detach().numpy() for x in objective.response.parameters())
    v = [w2 @ np.tanh(w1 @ row + b1) + b2 for row in h.numpy()]
    lost = []
    for i, row in enumerate(u.numpy()):
        scores = [math.exp(row @ other) for other in v]
        lost.append(math.log(sum(scores)) - row @ v[i])
    assert objective(u, h).item() == pytest.approx(np.mean(lost), rel=1e-12)
    ids = torch.tensor([0, 1, 0, 2])  # the first and the third are one response
    masked = [math.log(sum(math.exp(u[i].numpy() @ v[j]) for j in range(4)
                           if j == i or ids[j] != ids[i])) - u[i].numpy() @ v[i]
              for i in range(4)]  # fmt: skip
    assert objective(u, h, ids=ids).item() == pytest.approx(np.mean(masked), rel=1e-12)
    assert torch.autograd.gradcheck(objective, (u.requires_grad_(), h.requires_grad_()))
    with pytest.raises(InputError, match=r"positive: found shape \(4, 2\), expected \(n, 3\)"):
        objective(u[:, :2], h[:, :2])


def test_a_sentence_and_the_one_behind_it():
    data = Inputs.from_columns({"input": ["One. Two. Two. Three.", "Alone.", "A? B!"]})
    found = following(data, None)
    rows = list(zip(found.column("anchor"), found.column("positive"), strict=True))
    assert rows == [("One.", "Two."), ("Two.", "Three."), ("A?", "B!")]
    lines = Inputs.from_columns({"input": ["One.", "Two.", "Three."]})
    assert list(following(lines, None).column("positive")) == ["Two.", "Three."]
    with pytest.raises(InputError, match="found no document of two sentences in"):
        following(Inputs.from_columns({"input": ["One."]}), None)


def test_three_kinds_train_one_encoder(tmp_path):
    words = ["open", "close", "read", "sort", "copy", "list"]
    documents = Inputs.from_columns({"input": [f"First {w} it. Then {w} all." for w in words]})
    pairs = Pairs.from_columns(
        {"anchor": [f"how to {w}" for w in words], "positive": [f"it {w}s" for w in words]}
    )
    graded = Scored.from_columns(
        {"first": words, "second": words[::-1], "score": [0.0, 1.0, 2.0] * 2}
    )
    run = dipole.fit(
        documents, recipe="universal-sentence-encoder", sources=[pairs, graded], max_steps=6,
        batch_size=4, encoder_options={"dim": 4, "width": 4, "buckets": 16}, show_progress=False,
        out=tmp_path / "run",
    )  # fmt: skip
    assert run.encoder.encode(words).shape == (6, 4)
    assert HeadScorer.load(run.folder).score(words, words).shape == (6, 3)
