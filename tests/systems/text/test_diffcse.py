"""DiffCSE: where the vector enters the discriminator, and what the gradient of its term reaches."""

import copy

import numpy as np
import pytest
import torch

from dipole.data import Inputs
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.systems.text.diffcse import (
    Discriminated,
    ReplacedTokens,
    TwoViewHead,
    conditioned,
)
from support.parts import bound
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]


@pytest.fixture
def encoder(tmp_path):
    folder = save_tiny_bert(tmp_path / "bert", TEXTS, masked=True)
    return MaskedText.from_inputs(model=str(folder), pooling="cls", normalize=False), folder


def test_the_objective_is_a_mean_over_places_with_padding_or_without():
    torch.manual_seed(0)
    logits, replaced = torch.randn(4, 5, 2), torch.randint(0, 2, (4, 5))
    mask = torch.arange(5) < torch.tensor([[5], [2], [3], [1]])
    losses = [
        [logits[i, t].logsumexp(0) - logits[i, t, replaced[i, t]] for t in range(5)]
        for i in range(4)
    ]
    every = np.mean([float(x) for row in losses for x in row])
    some = np.mean([float(losses[i][t]) for i in range(4) for t in range(5) if mask[i, t]])
    anchor = torch.ones(2, 3)
    np.testing.assert_allclose(ReplacedTokens()(anchor, logits, replaced).item(), every, rtol=1e-6)
    found = ReplacedTokens()(anchor, logits, replaced, mask)
    np.testing.assert_allclose(found.item(), some, rtol=1e-6)


def test_the_vector_stands_behind_the_embedding_layer(encoder):
    """The layers above read it as it is: by hand, layer by layer, from what they are given."""
    tower, _ = encoder
    model = tower.transformer.eval()
    features, h = tower.prepare(TEXTS), torch.randn(3, 32)
    with torch.no_grad():
        found = conditioned(model, features, h)
        x = model.embeddings(input_ids=features["input_ids"])
        x[:, 0] = h
        hidden = (1.0 - features["attention_mask"][:, None, None].float()) * -1e9
        for layer in model.encoder.layer:
            given = layer(x, attention_mask=hidden)
            x = given[0] if isinstance(given, tuple) else given
    there = features["attention_mask"].bool()
    torch.testing.assert_close(found[there], x[there], rtol=1e-4, atol=1e-5)
    assert not model.embeddings._forward_hooks  # nothing is left behind


def test_the_head_normalises_both_views_together():
    part = bound(TwoViewHead(), {})
    anchor, positive = torch.randn(2, 6, part.head[0].in_features)
    found = part.train().before({"anchor": anchor, "positive": 3 + positive})
    both = torch.cat([found["anchor"], found["positive"]])
    torch.testing.assert_close(both.mean(0), torch.zeros(both.shape[1]), atol=1e-5, rtol=0)
    assert found["anchor"].mean(0).abs().max() > 0.1


def test_the_gradient_reaches_the_vector_and_the_discriminator_alone(encoder):
    tower, folder = encoder
    examples = Inputs.from_columns({"input": TEXTS})
    part = bound(Discriminated(generator=str(folder)), {}, encoder=tower, examples=examples).eval()
    start = copy.deepcopy(part.reader.state_dict())
    given = tower.transformer.state_dict()
    assert all(torch.equal(start[name], given[name]) for name in start)
    columns = {"anchor": [tower.prepare(TEXTS[:2])], "positive": [tower.prepare(TEXTS[:2])]}
    made = part.encode(columns)
    vectors = {name: torch.randn(2, 32, requires_grad=True) for name in columns}
    found = part.before(made | vectors)
    assert found["replaced_logits"].shape == (*found["replaced"].shape, 2)
    assert len(found["replaced"]) == 4
    ReplacedTokens()(vectors["anchor"], found["replaced_logits"], found["replaced"]).backward()
    assert all(x.grad.abs().sum() > 0 for x in vectors.values())
    assert part.reader.get_input_embeddings().weight.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in part._generator[0].parameters())
    assert all(weight.grad is None for weight in tower.parameters())


def test_what_cannot_be_is_said(encoder, tmp_path):
    tower, _ = encoder
    with pytest.raises(InputError, match="found no generator; expected a masked language model"):
        bound(Discriminated(), {}, encoder=tower)
    other = save_tiny_bert(tmp_path / "other", ["zebras walk"], masked=True)
    with pytest.raises(InputError, match="expected the same words with the same numbers"):
        bound(Discriminated(generator=str(other)), {}, encoder=tower)
