"""A tower with the head of its masked language model: as transformers has it, saved, in a frame."""

import shutil

import numpy as np
import pytest
import torch

from dipole.encoders import load_encoder
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]
FRAME = '"[X]" means [MASK].'


@pytest.fixture
def folder(tmp_path):
    return save_tiny_bert(tmp_path / "bert", TEXTS, masked=True)


@pytest.mark.parametrize("kind", ["Bert", "Roberta", "DistilBert"])
def test_the_head_is_the_one_of_transformers(kind, folder, tmp_path):
    import transformers

    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    if kind == "DistilBert":
        sizes = {"n_layers": 1, "n_heads": 2, "hidden_dim": 8}
    size = "dim" if kind == "DistilBert" else "hidden_size"
    config = getattr(transformers, f"{kind}Config")(vocab_size=150, **{size: 16}, **sizes)
    model = getattr(transformers, f"{kind}ForMaskedLM")(config).eval()
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight)
    place = shutil.copytree(folder, tmp_path / kind)
    model.save_pretrained(place)
    encoder = MaskedText.from_inputs(model=str(place)).eval()
    features = encoder.prepare(TEXTS)
    with torch.no_grad():
        found, expected = encoder.logits(features), model(**features).logits
    there = features["attention_mask"].bool()
    torch.testing.assert_close(found[there], expected[there])


def test_it_is_saved_with_its_head(folder, tmp_path):
    encoder = MaskedText.from_inputs(model=str(folder), template=FRAME, max_length=6).eval()
    torch.nn.init.normal_(encoder.word_head.bias)
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert isinstance(loaded, MaskedText)
    assert (loaded.template, loaded.max_length) == (FRAME, 6)
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), rtol=1e-6)
    features = encoder.prepare(TEXTS)
    torch.testing.assert_close(loaded.logits(features), encoder.logits(features))
    again = MaskedText.from_inputs(model=str(tmp_path / "saved"), template="[MASK] is [X]")
    assert again.template == "[MASK] is [X]"


@pytest.mark.parametrize("template", [FRAME, "[MASK] is [X] again"])
def test_the_vector_is_the_state_of_the_mask_of_the_template(template, folder):
    encoder = MaskedText.from_inputs(
        model=str(folder), template=template, max_length=6, normalize=False
    ).eval()
    features = encoder.prepare(TEXTS)
    mask = encoder.tokenizer.mask_token_id
    is_mask = features["input_ids"] == mask
    assert is_mask.sum(1).tolist() == [1, 1, 1]
    with torch.no_grad():
        states = encoder.transformer(**features).last_hidden_state
    found = encoder.encode(TEXTS, dtype="float32")
    np.testing.assert_allclose(found, states[is_mask].numpy(), rtol=1e-5, atol=1e-6)


def test_a_long_text_is_cut_and_the_template_stays(folder):
    encoder = MaskedText.from_inputs(model=str(folder), template=FRAME, max_length=6)
    tokens = encoder.tokenizer.convert_ids_to_tokens(
        encoder.prepare(["open " * 100])["input_ids"][0]
    )
    assert tokens.count("open") == 4
    assert tokens[-1] == "[SEP]"
    assert "[MASK]" in tokens


def test_what_cannot_be_is_said(folder, tmp_path):
    with pytest.raises(InputError, match=r"expected one \[X\] for the text"):
        MaskedText.from_inputs(model=str(folder), template="means [MASK]")
    plain = save_tiny_bert(tmp_path / "plain", TEXTS)
    with pytest.raises(InputError, match="the weights lack"):
        MaskedText.from_inputs(model=str(plain))
