"""Experts that are copies are the dense transformer; each domain moves its own alone."""

import numpy as np
import pytest
import torch

from dipole.encoders import load_encoder
from dipole.errors import InputError
from dipole.studies.benches.texts import minilm
from dipole.systems.text.moe_sentence_similarity import DomainExperts, Routed

TEXTS = ["red cat", "the old house falls", "blue dog runs on the new tree"]


@pytest.fixture
def base(tmp_path):
    minilm(quick=True).save(tmp_path / "base")
    return str(tmp_path / "base")


@pytest.mark.parametrize("layers", [0, 1])
def test_copies_are_the_tower_and_domains_train_apart(base, layers):
    experts = DomainExperts(base, ["a", "b", "c"], layers, tokens=False)
    expected = load_encoder(base).encode(TEXTS, dtype="float32")
    named = [f"[{name}] {text}" for name, text in zip("cac", TEXTS, strict=True)]
    np.testing.assert_allclose(experts.encode(named, dtype="float32"), expected, atol=1e-5)
    experts(experts.prepare(named))[:, 0].sum().backward()
    routed = [m for m in experts.modules() if isinstance(m, Routed)]
    assert len(routed) == 2 * (layers or experts.layers)
    for one in routed:
        moved = [any(p.grad is not None for p in e.parameters()) for e in one.experts]
        assert moved == [True, False, True]


def test_a_domain_is_a_token_too(base):
    experts, without = (DomainExperts(base, ["a", "b"], tokens=t) for t in (True, False))
    found = experts.prepare(["[b] red cat"])["input_ids"][0]
    assert experts.tokenizer.convert_ids_to_tokens(int(found[1])) == "[b]"
    assert len(found) == len(without.prepare(["[b] red cat"])["input_ids"][0]) + 1


def test_saved_and_loaded_it_is_the_same(base, tmp_path):
    experts = DomainExperts(base, ["a", "b"])
    with torch.no_grad():
        for parameter in experts.parameters():
            parameter.add_(torch.randn_like(parameter) / 50)
    from dipole.encoders.own import save_encoder

    save_encoder(experts, tmp_path / "saved")
    texts = [f"[a] {TEXTS[0]}", f"[b] {TEXTS[1]}"]
    np.testing.assert_array_equal(
        load_encoder(tmp_path / "saved").encode(texts, dtype="float32"),
        experts.encode(texts, dtype="float32"),
    )


def test_a_text_without_a_domain_is_refused(base):
    experts = DomainExperts(base, ["a", "b"])
    with pytest.raises(InputError, match=r"found '\[c\] red cat'; expected a domain first: \[a\]"):
        experts.encode(["[c] red cat"])
    with pytest.raises(InputError, match=r"domains: found .* expected two or more"):
        DomainExperts(base, ["a"])
