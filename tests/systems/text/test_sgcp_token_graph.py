"""SGCP's loss and its probabilities of a shared class against loops."""

import math

import numpy as np
import pytest
import torch

from dipole.data import Labeled
from dipole.encoders.token_graph_text import TokenGraphText
from dipole.errors import InputError
from dipole.objectives import SupCon
from dipole.systems.text.sgcp_token_graph import SharedClasses, SoftSupCon, class_shares
from dipole.training.parts import Setup

TEXTS = ["red cat", "red dog", "blue sea", "blue sea sky", "red cat cat"]
LABELS = ["animal", "animal", "place", "place", "animal"]


def test_the_loss_is_that_of_a_double_loop():
    draw = torch.Generator().manual_seed(0)
    z = torch.randn(5, 3, generator=draw, dtype=torch.double)
    relation = torch.rand(5, 5, generator=draw, dtype=torch.double)
    relation[2] = 0  # a token without a positive is not counted
    losses = []
    for t in (0, 1, 3, 4):
        s = [float(torch.cosine_similarity(z[t], z[u], dim=0)) / 0.5 for u in range(5)]
        far = math.log(sum(math.exp(s[u]) for u in range(5) if u != t))
        mass = sum(float(relation[t, u]) for u in range(5) if u != t)
        losses.append(sum(float(relation[t, u]) / mass * (far - s[u]) for u in range(5) if u != t))
    found = SoftSupCon(temperature=0.5)(torch.ones(1, 3), z, relation)
    assert float(found) == pytest.approx(sum(losses) / 4, abs=1e-12)


def test_with_classes_that_are_certain_it_is_supcon():
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    same = (labels[:, None] == labels[None]).double()
    expected = SupCon(temperature=0.2)(z[None], labels=labels)
    torch.testing.assert_close(SoftSupCon(temperature=0.2)(z, z, same), expected)


def test_shares_are_smoothed_counts_and_rare_tokens_have_the_prior():
    shares, chance = class_shares(np.array([[3.0, 1.0], [0.0, 4.0], [1.0, 1.0]]), 1.0, least=3)
    assert shares[0] == pytest.approx([3.5 / 5, 1.5 / 5])
    assert shares[1] == pytest.approx([0.5 / 5, 4.5 / 5])
    assert shares[2] == pytest.approx([0.4, 0.6])  # counted twice
    assert chance == pytest.approx(0.4**2 + 0.6**2)


def bound(**settings):
    encoder = TokenGraphText.from_inputs(TEXTS, TEXTS, dim=4)
    part = SharedClasses(**settings)
    examples = Labeled.from_columns({"input": TEXTS, "label": LABELS})
    part.bind(Setup(encoder=encoder, examples=examples, inputs={}))
    return part, encoder


def test_tokens_of_one_class_are_related_and_those_of_two_are_not():
    part, encoder = bound(least=1, above=0.1)
    features = encoder.prepare(["red cat", "blue sea"])
    found = part.encode({"anchor": [features]})
    tokens = features["tokens"].unique()
    assert torch.equal(found["token_vectors"], encoder.token_vectors()[tokens])
    where = {
        word: int((tokens == int(encoder.tokenizer([word])[0][0][0])).nonzero()[0])
        for word in ("red", "cat", "blue", "sea")
    }
    relation = found["token_relation"]
    assert relation[where["red"], where["cat"]] > 0.5
    assert relation[where["blue"], where["sea"]] > 0.5
    assert relation[where["red"], where["sea"]] == 0


def test_no_more_tokens_than_most_are_drawn():
    part, encoder = bound(most=2)
    found = part.encode({"anchor": [encoder.prepare(TEXTS)]})
    assert found["token_vectors"].shape == (2, 4)
    assert found["token_relation"].shape == (2, 2)


def test_texts_without_classes_are_refused():
    encoder = TokenGraphText.from_inputs(TEXTS, TEXTS, dim=4)
    examples = Labeled.from_columns({"input": TEXTS, "label": ["x"] * 5})
    with pytest.raises(InputError, match="found one class \\('x'\\)"):
        SharedClasses().bind(Setup(encoder=encoder, examples=examples, inputs={}))
