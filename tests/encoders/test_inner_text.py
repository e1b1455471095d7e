"""A tower with the vectors of an inner layer: as transformers has them, saved, refused."""

import numpy as np
import pytest
import torch

from dipole.encoders import load_encoder
from dipole.encoders.inner_text import InnerText
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_tiny_bert(tmp_path_factory.mktemp("bert") / "bert", TEXTS, masked=True))


def made(folder, **options):
    return InnerText.from_inputs(model=folder, normalize=False, **options).eval()


def test_the_vector_is_of_the_layer_and_words_are_of_the_last(folder):
    encoder = made(folder, layer=1, pooling="cls")
    features = encoder.prepare(TEXTS)
    with torch.no_grad():
        found = encoder.transformer(**features, output_hidden_states=True).hidden_states
        shown = encoder.outputs(features, ["tokens", "mask"])
    np.testing.assert_allclose(
        encoder.encode(TEXTS, dtype="float32"), found[1][:, 0].numpy(), atol=1e-5
    )
    torch.testing.assert_close(shown["vectors"], found[1][:, 0])
    torch.testing.assert_close(shown["tokens"], found[2])
    plain = MaskedText.from_inputs(model=folder).eval()
    torch.testing.assert_close(encoder.logits(features), plain.logits(features))


def test_it_is_saved_with_its_layer(folder, tmp_path):
    encoder = made(folder, layer=1)
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert isinstance(loaded, InnerText)
    assert loaded.layer == 1
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), rtol=1e-5)
    again = InnerText.from_inputs(model=str(tmp_path / "saved"))
    assert again.layer == 1
    assert InnerText.from_inputs(model=str(tmp_path / "saved"), layer=2).layer == 2


def test_a_layer_that_is_not_there(folder):
    with pytest.raises(InputError, match="encoder option 'layer'"):
        made(folder)  # 8, of 2
