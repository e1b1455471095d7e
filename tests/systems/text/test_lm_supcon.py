"""Prompts and their demonstrations, the words of classes, and the mask's state of any template."""

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Labeled
from dipole.encoders import load_encoder
from dipole.encoders.prompted_text import PromptedText
from dipole.errors import InputError
from dipole.systems.text.lm_supcon import (
    FirstPrompt,
    LabelWords,
    OtherPrompt,
    Projected,
    label_words,
)
from dipole.training.parts import Setup
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file", "sort the list", "good bad it is about of : ."]
TEMPLATE = "[X] it is [MASK]."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("lm") / "bert"
    return str(save_tiny_bert(place, TEXTS, masked=True, dropout=0.0))


@pytest.fixture
def encoder(folder):
    return PromptedText.from_inputs(model=folder, template=TEMPLATE, normalize=False)


@pytest.fixture
def shown(tmp_path):
    path = tmp_path / "shown.csv"
    path.write_text("text,label\nopen the file,1\nopen it,1\nsort the list,0\n", encoding="utf-8")
    return str(path)


def test_a_prompt_has_one_demonstration_of_each_class(shown):
    words = {1: "good", "0": "bad"}
    view = FirstPrompt(["[X] it is [MASK].", "Of [MASK]: [X]"], shown, words)
    rng = np.random.default_rng(0)
    found = set(view(["sort it"] * 60, rng))
    assert found == {
        f"sort it it is [MASK]. {text} it is good. sort the list it is bad."
        for text in ("open the file", "open it")
    }
    # The text itself is no demonstration; a class of it alone has none then.
    assert set(view(["sort the list"] * 60, rng)) == {
        f"sort the list it is [MASK]. {text} it is good." for text in ("open the file", "open it")
    }
    other = OtherPrompt(["a [X] [MASK]", "b [X] [MASK]", "c [X] [MASK]"], longest=1)
    assert set(other(["open it"] * 60, rng)) == {"b open [MASK]", "c open [MASK]"}


@pytest.mark.parametrize(
    ("templates", "message"),
    [(["[X] is [MASK].", "[X]"], r"found '\[X\]'; expected one"), (["[X] [MASK]"], "found 1;")],
)
def test_templates_are_checked(templates, message):
    with pytest.raises(InputError, match=f"view option templates: {message}"):
        FirstPrompt(templates)


def test_the_state_of_the_mask_of_any_template(encoder, tmp_path):
    """By the transformer alone; the first mask counts, and a plain text is in the template."""
    prompts = ["open the file it is [MASK].", "of [MASK]: sort the list", "open [MASK] [MASK]"]
    found = encoder.encode([*prompts, "open the file"], dtype="float32")
    for prompt, vector in zip(prompts, found, strict=False):
        inputs = encoder.tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            states = encoder.transformer(**inputs).last_hidden_state[0]
        place = inputs["input_ids"][0].tolist().index(encoder.tokenizer.mask_token_id)
        np.testing.assert_allclose(vector, states[place], atol=1e-5)
    np.testing.assert_allclose(found[3], found[0], atol=1e-5)
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert type(loaded) is PromptedText
    again = PromptedText.from_inputs(model=str(tmp_path / "saved"), template=TEMPLATE)
    again.normalize = loaded.normalize = False
    for one in (loaded, again):
        np.testing.assert_allclose(one.encode(prompts, dtype="float32"), found[:3], atol=1e-6)
    with pytest.raises(InputError, match=r"the prompt 'open open.* has its \[MASK\] beyond"):
        encoder.encode(["open " * 600 + "[MASK]"])


def test_words_of_classes(encoder):
    data = Labeled.from_columns({"input": TEXTS[:2], "label": ["a", "b"]})
    part = LabelWords(words={"a": "good", "b": "bad"})
    part.bind(Setup(encoder, data, {}))
    states = torch.from_numpy(encoder.encode(TEXTS[:2]))
    labels = torch.tensor([int(n) for n in part.numbers])
    found = part.before({"anchor": states, "labels": labels.flip(0)})
    whole = encoder.words_of(states)
    names = dict(zip(part._names, part.tokens.tolist(), strict=True))
    vocabulary = encoder.tokenizer.get_vocab()
    assert names == {"a": vocabulary["good"], "b": vocabulary["bad"]}
    torch.testing.assert_close(found["label_logits"], whole[:, part.tokens])
    assert found["labels"].tolist() == [1, 0]
    said = label_words(encoder, TEXTS[:2], ["good", "bad"])
    expected = whole[:, [vocabulary["good"], vocabulary["bad"]]].argmax(1)
    assert said.tolist() == expected.tolist()


def test_a_word_of_several_tokens_and_an_encoder_without_a_head(encoder):
    data = Labeled.from_columns({"input": TEXTS[:2], "label": ["a", "strange"]})
    with pytest.raises(InputError, match=r"words: found 'strange', which is .* to this tok"):
        LabelWords(words={"a": "good"}).bind(Setup(encoder, data, {}))
    encoder.normalize = True
    with pytest.raises(InputError, match="found vectors of length 1; expected a prompted masked"):
        LabelWords().bind(Setup(encoder, data, {}))


def test_the_projection(encoder):
    part = Projected()
    part.bind(Setup(encoder, Labeled.from_columns({"input": ["a"], "label": ["b"]}), {}))
    first, second = torch.randn(2, 3, encoder.dim)
    found = part.before({"anchor": first, "positive": second})["projected"]
    expected = torch.tanh(second @ part.layer.weight.T + part.layer.bias)
    torch.testing.assert_close(found[1], expected)


def test_it_learns_the_words(folder, tmp_path):
    data = Labeled.from_columns(
        {"input": ["open the file", "sort the list"] * 4, "label": ["good", "bad"] * 4}
    )
    run = dipole.fit(
        data, recipe="lm-supcon", encoder_options={"model": folder, "template": TEMPLATE},
        batch_size=2, max_steps=20, learning_rate=5e-3, show_progress=False, out=tmp_path / "run",
        view_options={"templates": [TEMPLATE, "of [MASK]: [X]"]},
    )  # fmt: skip
    assert label_words(run.encoder, TEXTS[:2], ["good", "bad"]).tolist() == [0, 1]
