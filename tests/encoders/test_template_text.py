"""A tower that reads texts in a template: its last token, what is cut, saved, adapted, refused."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dipole.encoders import load_encoder
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.template_text import TemplateText
from dipole.errors import InputError
from support.tiny_bert import save_tiny_bert
from support.tiny_llama import END, save_tiny_llama

TEXTS = ["a man plays", "it is a file that someone opens and reads", "no"]
ONE_WORD = 'This sentence : "[X]" means in one word:"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_tiny_llama(tmp_path_factory.mktemp("llama")))


def made(folder, template=ONE_WORD, **options):
    return TemplateText.from_inputs(model=folder, template=template, **options).eval()


def states(folder, text):
    """The last states of a text, by transformers."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        return model(ids, output_hidden_states=True).hidden_states[-1][0]


@pytest.mark.parametrize("template", [ONE_WORD, "[X]", "[X][EOS]", "Say it shorter. [X] :"])
def test_the_vector_is_the_state_of_the_last_token(template, folder):
    found = made(folder, template).encode(TEXTS, dtype="float32")
    for text, vector in zip(TEXTS, found, strict=True):
        whole = template.replace("[EOS]", END).replace("[X]", text)
        expected = F.normalize(states(folder, whole)[-1], dim=0)
        np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_the_text_is_cut_and_never_the_template(folder):
    encoder = made(folder, max_length=5)
    found = encoder.encode(["a man plays the guitar", "a man"], dtype="float32")
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    long = made(folder)
    assert long.max_length + len(ONE_WORD) - 3 + 4 == 96  # all that the model reads, with a margin
    ids = long.prepare(["x" * 500])["input_ids"][0]
    assert len(ids) == long.max_length + len(ONE_WORD) - 3
    assert long.tower.tokenizer.decode(ids).endswith('x" means in one word:"')


def test_quotes_of_a_text_do_not_end_those_of_the_template(folder):
    encoder = made(folder)
    assert encoder.filled('he said "no"') == ONE_WORD.replace("[X]", "he said 'no'")
    assert made(folder, "[X] :").filled('"no"') == '"no" :'


def test_it_is_saved(folder, tmp_path):
    encoder = made(folder, max_length=20)
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert isinstance(loaded, TemplateText)
    assert (loaded.template, loaded.max_length) == (ONE_WORD, 20)
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), rtol=1e-6)
    assert loaded.settings() == encoder.settings()
    other = TemplateText.load(tmp_path / "saved", template="[X]")
    assert other.template == "[X]"


def test_an_adapter_is_saved_beside_the_name_of_its_base(folder, tmp_path):
    options = {"rank": 2, "alpha": 4, "dropout": 0.1, "targets": ["q_proj", "v_proj"]}
    encoder = made(folder).adapted("lora", None, options)
    assert isinstance(encoder.tower, AdaptedText)
    assert encoder.training_defaults["learning_rate"] == 2e-4
    with torch.no_grad():
        for tensor in encoder.tower.addition().values():
            tensor.normal_()
    names = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert names
    assert all("lora_" in name for name in names)
    encoder.eval().save(tmp_path / "run")
    assert not list((tmp_path / "run").rglob("model.safetensors"))
    loaded = load_encoder(tmp_path / "run")
    assert loaded.tower.base == folder
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), rtol=1e-6)
    whole = loaded.folded()
    assert (loaded.kind, whole.kind) == ("lora", "whole")
    both = [one.encode(TEXTS, dtype="float32") for one in (whole, encoder)]
    np.testing.assert_allclose(*both, atol=1e-5)
    assert np.abs(loaded.encode(TEXTS) - made(folder).encode(TEXTS)).max() > 1e-3


def test_padding_changes_nothing_and_gradients_flow(folder):
    encoder = made(folder)
    together = encoder(encoder.prepare(TEXTS))
    alone = torch.cat([encoder(encoder.prepare([text])) for text in TEXTS])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    encoder.tower.requires_grad_(True)
    encoder(encoder.prepare(TEXTS))[:, 0].sum().backward()
    assert encoder.tower.transformer.embed_tokens.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("template", ["no place", "[X] and [X]"])
def test_a_template_has_one_place(template, folder):
    with pytest.raises(InputError, match=r"encoder option 'template': found .* expected one \[X\]"):
        made(folder, template)


def test_what_does_not_fit_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no place for a text in the 96 tokens"):
        made(folder, "[X]" + "." * 101)
    bert = save_tiny_bert(tmp_path / "bert", TEXTS)
    with pytest.raises(InputError, match=r"found \[EOS\], and the tokenizer has no token"):
        made(str(bert), "[X][EOS]")
    made(folder).save(tmp_path / "saved")
    with pytest.raises(InputError, match="holds TemplateText; expected a transformer alone"):
        made(str(tmp_path / "saved"))
