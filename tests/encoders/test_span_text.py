"""A vector for each marked part of a text: by the equation, from one pass."""

import numpy as np
import pytest
import torch

import dipole
from dipole.encoders import StaticText, TransformerText, load_encoder
from dipole.encoders.span_text import SpanText, read_spans
from dipole.errors import InputError
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]
MARKED = [
    "[[open the file]] and read a line of it", "open the file and [[read a line of it]]",
    "[[open]] the file and read a [[line]] of it", "close it", "[[open the file]] and more",
]  # fmt: skip


@pytest.fixture
def tower(tmp_path):
    torch.manual_seed(0)
    found = SpanText.from_inputs(model=str(save_tiny_bert(tmp_path / "bert", TEXTS)), width=7)
    found.dtype = "float32"
    return found.eval()


def test_marks_are_read():
    assert read_spans("no mark") == ("no mark", [])
    assert read_spans("[[a]] b [[c d]]") == ("a b c d", [(0, 1), (4, 7)])
    for wrong in ("[[a b", "a]] b", "[[a [[b]]"):
        with pytest.raises(InputError, match=r"found \[\[ without \]\], or the reverse, in"):
            read_spans(wrong)


def by_the_equation(tower, text, words):
    """Mean of the states of these words, numbered from 0, of the whole text; then two layers."""
    with torch.no_grad():
        ids = tower.tokenizer(text, return_tensors="pt")
        states = tower.transformer(**ids).last_hidden_state[0]
        numbers = ids.word_ids(0)
        h = states[[i for i, n in enumerate(numbers) if n in words or words is None]].mean(0)
        first, second = (module.linear for module in tower.after)
        v = second.weight @ (first.weight @ h + first.bias).relu() + second.bias
        return (v / v.norm()).numpy()


def test_vectors_are_those_of_the_equation(tower):
    found = tower.encode(MARKED)
    assert found.shape == (5, 7)
    whole = TEXTS[0]
    expected = [
        by_the_equation(tower, whole, {0, 1, 2}),
        by_the_equation(tower, whole, {4, 5, 6, 7, 8}),
        by_the_equation(tower, whole, {0, 6}),
        by_the_equation(tower, "close it", {0, 1, None}),  # all of it, special tokens too
        by_the_equation(tower, "open the file and more", {0, 1, 2}),
    ]
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-4, atol=1e-6)
    assert not np.allclose(found[0], found[4])  # the rest of the text is read too


def test_a_prompt_moves_the_parts(tower):
    tower.prompts = {"query": "close it ", "document": ""}
    found = tower.encode(MARKED[:1], role="query")[0]
    expected = by_the_equation(tower, f"close it {TEXTS[0]}", {2, 3, 4})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_parts_of_one_text_share_a_pass(tower):
    seen = []
    tower.transformer.register_forward_hook(lambda module, given, out: seen.append(out))
    features = tower.prepare(MARKED)
    assert features["input_ids"].shape[0] == 3
    assert features["texts"].tolist() == [0, 0, 0, 1, 2]
    tower(features)
    assert [len(out.last_hidden_state) for out in seen] == [3]


def test_a_part_that_is_cut_off_is_the_whole_text(tower):
    tower.max_length = 6
    tower._tokens.enable_truncation(6)
    whole, end = tower.encode([TEXTS[0], "open the file and read a [[line of it]]"])
    np.testing.assert_allclose(whole, end, rtol=1e-4, atol=1e-6)


def test_it_is_saved_with_its_layers(tower, tmp_path):
    tower.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert isinstance(loaded, SpanText)
    loaded.dtype = "float32"
    np.testing.assert_allclose(loaded.encode(MARKED), tower.encode(MARKED), rtol=1e-5)


def test_other_poolings_are_refused(tmp_path):
    base = TransformerText.load(save_tiny_bert(tmp_path / "bert", TEXTS), pooling="cls")
    with pytest.raises(InputError, match="or other than mean pooling; expected a transformer"):
        SpanText.over(base)


def test_an_adapter_is_refused(tower):
    with pytest.raises(InputError, match="adapter: found SpanText, expected a transformer to put"):
        tower.adapted("lora", None, {})


def test_the_recipe_trains_on_a_file_of_propositions(tmp_path):
    model = save_tiny_bert(tmp_path / "bert", TEXTS)
    rows = [f"{text},{i % 3}" for i, text in enumerate([*MARKED, "[[close]] it"] * 2)]
    data = tmp_path / "propositions.csv"
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    settings = {"encoder_options": {"model": str(model), "width": 5}, "max_steps": 3}
    run = dipole.fit(
        str(data), recipe="sub-sentence-encoder", out=tmp_path / "run", batch_size=6,
        show_progress=False, precision="fp32", **settings,
    )  # fmt: skip
    assert load_encoder(run.folder / "model").encode(MARKED).shape == (5, 5)
    assert not isinstance(run.encoder, StaticText)
