"""The base never moves, the addition is small on disk, loads again, and folds where it can."""

import json

import numpy as np
import pytest
import torch

from dipole.encoders import TransformerText, fingerprint, load_encoder
from dipole.encoders.adapters import OPTIONS, AdaptedText
from dipole.errors import InputError

SMALL = {"lora": {"rank": 2}, "prefix": {"length": 3}, "prompt": {"length": 3}, "bottleneck": {}}


def adapted(folder, kind):
    torch.manual_seed(1)
    return AdaptedText.add(TransformerText.load(folder), folder, kind, **SMALL[kind])


def trained(encoder, sentences, steps=3):
    """A few steps towards nothing in particular."""
    encoder.train()
    optimizer = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], lr=0.5)
    target = torch.randn(len(sentences), encoder.dim, generator=torch.Generator().manual_seed(0))
    for _ in range(steps):
        optimizer.zero_grad()
        (-(encoder(encoder.prepare(sentences)) * target).sum()).backward()
        optimizer.step()
    return encoder.eval()


def vectors(encoder, sentences):
    return encoder.encode(sentences, dtype="float32")


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_base_stands_still_and_the_addition_is_kept(tiny, sentences, tmp_path, kind):
    base = TransformerText.load(tiny)
    encoder = adapted(tiny, kind)
    names = set(encoder.addition())
    before = {n: p.clone() for n, p in encoder.named_parameters() if not p.requires_grad}
    start = vectors(encoder, sentences)
    if kind in ("lora", "bottleneck"):  # these start as nothing
        np.testing.assert_allclose(start, vectors(base, sentences), atol=1e-6)
    trained(encoder, sentences)
    after = dict(encoder.named_parameters())
    assert all(after[name].equal(value) for name, value in before.items())
    assert set(encoder.addition()) == names
    assert np.abs(vectors(encoder, sentences) - start).max() > 1e-3

    encoder.save(tmp_path / "small")
    again = load_encoder(tmp_path / "small")
    assert isinstance(again, AdaptedText)
    np.testing.assert_allclose(vectors(again, sentences), vectors(encoder, sentences), atol=1e-6)
    assert fingerprint(again) == fingerprint(encoder)
    saved = sum(file.stat().st_size for file in (tmp_path / "small").iterdir())
    whole = sum(file.stat().st_size for file in tiny.glob("*.safetensors"))
    assert saved < whole / 2


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_base_that_lies_nowhere_is_saved_too(tiny, sentences, tmp_path, kind):
    torch.manual_seed(1)
    base = TransformerText.load(tiny)
    mark, start = fingerprint(base), vectors(base, sentences)
    encoder = trained(AdaptedText.add(base, None, kind, **SMALL[kind]), sentences)
    assert fingerprint(encoder.bare()) == mark
    np.testing.assert_allclose(vectors(encoder.bare(), sentences), start, atol=1e-6)
    encoder.save(tmp_path / "first")
    moved = (tmp_path / "first").rename(tmp_path / "moved")
    again = load_encoder(moved)
    np.testing.assert_allclose(vectors(again, sentences), vectors(encoder, sentences), atol=1e-6)
    assert fingerprint(again) == fingerprint(encoder)


def test_folded_lora_is_a_plain_encoder_of_the_same_vectors(tiny, sentences, tmp_path):
    encoder = trained(adapted(tiny, "lora"), sentences)
    plain = encoder.folded()
    assert type(plain) is TransformerText
    np.testing.assert_allclose(vectors(plain, sentences), vectors(encoder, sentences), atol=1e-5)
    plain.save(tmp_path / "whole")
    again = TransformerText.load(tmp_path / "whole")
    np.testing.assert_allclose(vectors(again, sentences), vectors(encoder, sentences), atol=1e-5)
    assert encoder.cut(1).layers == 1
    with pytest.raises(InputError, match="found prefix, which is no change of weights"):
        adapted(tiny, "prefix").folded()


def test_a_prefix_leaves_the_positions_of_the_text(tiny, sentences):
    base, encoder = TransformerText.load(tiny).eval(), adapted(tiny, "prefix").eval()
    seen = []
    for one in (base, encoder):
        embeddings = next(m for n, m in one.transformer.named_modules() if n.endswith("embeddings"))
        hook = embeddings.register_forward_hook(lambda m, i, output: seen.append(output))
        with torch.no_grad():
            one(one.prepare(sentences))
        hook.remove()
    torch.testing.assert_close(seen[0], seen[1])


def test_a_prompt_is_not_pooled(tiny, sentences):
    """Mean pooling over the text's own tokens: of a text alone or beside a longer one the same."""
    encoder = adapted(tiny, "prompt")
    alone = vectors(encoder, sentences[:1])
    np.testing.assert_allclose(alone, vectors(encoder, sentences)[:1], atol=1e-5)


@pytest.mark.parametrize("kind", OPTIONS)
def test_outputs_are_of_the_tokens_of_the_text(tiny, sentences, kind):
    encoder = adapted(tiny, kind).eval()
    features = encoder.prepare(sentences)
    n, t = features["input_ids"].shape
    found = encoder.outputs(features, ("tokens", "mask", "hidden", "attention"))
    torch.testing.assert_close(found["vectors"], encoder(features), atol=1e-5, rtol=1e-4)
    assert found["tokens"].shape == (n, t, encoder.dim)
    assert found["mask"].shape == (n, t)
    assert found["hidden"].shape == (n, encoder.layers + 1, t, encoder.dim)
    assert found["attention"].shape[:2] == (n, encoder.layers)
    assert found["attention"].shape[-2:] == (t, t)
    torch.testing.assert_close(found["hidden"][:, -1], found["tokens"])


@pytest.mark.parametrize("kind", OPTIONS)
def test_views_of_tokens_are_seen_behind_an_addition(tiny, sentences, kind):
    encoder = adapted(tiny, kind).eval()
    features = encoder.prepare(sentences)
    n, t = features["input_ids"].shape
    plain, order = encoder(features), torch.arange(t).expand(n, t)
    nothing = features | {"places": order, "token_kept": torch.ones(n, t, dtype=torch.int64)}
    torch.testing.assert_close(encoder(nothing), plain)
    for change in ({"places": order.flip(1)}, {"token_kept": torch.zeros(n, t)}):
        assert not torch.allclose(encoder(features | change), plain, atol=1e-4)


def test_a_prompt_stays_whole_where_tokens_are_cut(tiny, sentences):
    encoder = adapted(tiny, "prompt").eval()
    features = encoder.prepare(sentences)
    kept = torch.zeros_like(features["input_ids"])
    seen = []
    first = encoder.transformer.base_model.encoder.layer[0]
    for more in ({}, {"token_kept": kept}):
        hook = first.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        encoder(features | more)
        hook.remove()
    whole, cut = seen
    front = whole.shape[1] - kept.shape[1]
    assert front == SMALL["prompt"]["length"]
    torch.testing.assert_close(cut[:, :front], whole[:, :front])
    assert not cut[:, front:].any()


def test_a_shallow_layer_beside_the_last_one(tiny, sentences):
    """Of every addition, with outputs and without."""
    for kind in OPTIONS:
        encoder = adapted(tiny, kind).train()
        for module in encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        features = encoder.prepare(sentences)
        deep, encoder.shallow = encoder(features), 1
        both = encoder(features)
        assert both.shape == (len(sentences), 2 * encoder.dim)
        torch.testing.assert_close(both[:, : encoder.dim], deep, atol=1e-5, rtol=1e-4)
        shown = encoder.outputs(features, ("tokens",))["vectors"]
        torch.testing.assert_close(shown, both, atol=1e-5, rtol=1e-4)


def test_what_is_wrong_is_said(tiny, tmp_path):
    base = TransformerText.load(tiny)
    with pytest.raises(InputError, match="adapter: found 'lorra', expected one of lora, prefix"):
        AdaptedText.add(base, tiny, "lorra")
    with pytest.raises(InputError, match="adapter option 'r': lora has no such setting"):
        AdaptedText.add(base, tiny, "lora", r=4)
    encoder = adapted(tiny, "bottleneck")
    with pytest.raises(InputError, match="has one already"):
        AdaptedText.add(encoder, tiny, "lora")
    encoder.save(tmp_path / "a")
    note = json.loads((tmp_path / "a" / "config.json").read_text())
    (tmp_path / "a" / "config.json").write_text(json.dumps(note | {"base_fingerprint": "0" * 64}))
    with pytest.raises(InputError, match="is not the model it was trained on"):
        load_encoder(tmp_path / "a")
    (tmp_path / "a" / "config.json").write_text(json.dumps(note | {"base": str(tmp_path / "b")}))
    with pytest.raises(InputError):
        load_encoder(tmp_path / "a")


def test_maps_that_are_not_there_are_refused_in_a_line(tiny):
    with pytest.raises(InputError, match=r"adapter option 'targets': .*nope.* not found"):
        AdaptedText.add(TransformerText.load(tiny), tiny, "lora", targets=["nope"])
