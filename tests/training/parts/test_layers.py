"""A run on two layers and several sizes: one layer a step, chunks and resuming change nothing."""

import copy

import numpy as np
import pytest
import torch

import dipole
from dipole.encoders.layers_text import LayersText
from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.objectives.dimensions.matryoshka import Matryoshka
from dipole.training.batches import collate
from dipole.training.parts.layers import Layers
from dipole.training.towers import Towers
from support.parts import bound


@pytest.fixture(scope="module")
def transformer():
    """A BERT of 3 layers, 16 dimensions and letters as tokens."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from dipole.encoders import TransformerText

    letters = {c: i for i, c in enumerate(["[PAD]", "[UNK]", *"abcdefghijklmnopqrstuvwxyz"])}
    tokens = Tokenizer(models.WordLevel(letters, unk_token="[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=28, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=16, initializer_range=0.2,
    )  # fmt: skip
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="[PAD]")
    return TransformerText(BertModel(config, add_pooling_layer=False), tokenizer)


def settings(**more):
    return {"batch_size": 10, "max_steps": 8, "learning_rate": 1e-3, "show_progress": False} | more


def test_the_same_layer_for_a_step_and_all_of_them_in_turn(transformer):
    part, again = (bound(Layers(), {}, encoder=transformer, seed=1) for _ in range(2))
    drawn = []
    for _ in range(40):
        part.encode({})
        drawn.append(transformer.shallow)
        again.load_state_dict(part.state_dict())
        again.encode({})
        assert transformer.shallow == drawn[-1]
        part.after_step()
        assert transformer.shallow is None
    assert set(drawn) == {1, 2}


def test_vectors_of_a_teacher_have_no_companion(transformer):
    part = bound(Layers(), {}, encoder=transformer)
    found = part.before({"anchor": torch.randn(2, 8), "positive": torch.randn(2, 4)})
    assert found["anchor"].shape == found["anchor_shallow"].shape == (2, 4)
    assert "positive_shallow" not in found


def test_an_encoder_without_layers_is_refused(tiny_encoder, transformer):
    with pytest.raises(InputError, match="layers: found TinyEncoder with no layer below its last"):
        bound(Layers(), {}, encoder=tiny_encoder)
    several = LayersText.over(transformer, 2)
    with pytest.raises(InputError, match="layers: found LayersText with no layer below its last"):
        bound(Layers(), {}, encoder=several)
    with pytest.raises(InputError, match="layers: found TransformerText with no layer below"):
        bound(Layers(), {}, encoder=transformer.cut(1))


def test_with_chunks_it_is_the_same_gradient(transformer, pairs):
    """The gradient cache encodes again in the backward, at the same layer."""
    encoder = copy.deepcopy(transformer).train()
    for part in encoder.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    part = bound(Layers(), {}, encoder=encoder)
    towers = Towers(encoder, Matryoshka(InfoNCE(), [4, 8], layers=True), [part])
    gradients = []
    for chunk in (None, 3):
        batch = collate(pairs, np.arange(10), encoder, chunk=chunk)
        towers.zero_grad()
        towers(batch.columns, batch.tensors).backward()
        gradients.append([p.grad.clone() for p in encoder.parameters()])
    for whole, pieces in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, pieces, rtol=1e-4, atol=1e-6)


def test_from_settings_stopped_and_resumed(transformer, pairs, tmp_path, monkeypatch):
    from dipole.training.loop import Trainer

    layers = {"matryoshka.layers": True}
    more = settings(matryoshka=["4,8"], objective_options=layers, checkpoint_every=3)
    whole = dipole.fit(pairs, copy.deepcopy(transformer), out=tmp_path / "whole", **more)
    step = Trainer._step

    def failing(self, batch):
        if self.progress.step == 5:
            raise KeyboardInterrupt
        return step(self, batch)

    monkeypatch.setattr(Trainer, "_step", failing)
    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        dipole.fit(pairs, copy.deepcopy(transformer), out=out, **more)
    monkeypatch.setattr(Trainer, "_step", step)
    resumed = dipole.fit(pairs, copy.deepcopy(transformer), out=out, resume=True, **more)
    for a, b in zip(whole.encoder.parameters(), resumed.encoder.parameters(), strict=True):
        assert a.equal(b)
    assert np.isfinite(resumed.encoder.cut(1).encode(["abc"])).all()
