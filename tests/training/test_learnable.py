"""Nothing to learn is said: refused where it is certain, a line where it may be otherwise."""

import numpy as np
import pytest
import torch
from torch import nn

import dipole
from dipole.data import Labeled, Pairs, Ranked, Scored, Triplets
from dipole.data.examples import Inputs
from dipole.encoders import StaticText, TransformerText
from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.learnable import (
    Gradient,
    check_learnable,
    check_partners,
    check_words,
    few_steps,
    small_batches,
)
from support.tiny_bert import save_tiny_bert

NUMBERS = [str(i) for i in range(6)]
SAME = ["one text", "one  text", " one text", "one text\n", "one text", "one text"]
PAIR = {"anchor": True, "positive": True}


def said(examples, inputs=PAIR, **settings):
    return check_learnable(make_config(data="x", **settings), examples, inputs)


@pytest.mark.parametrize(
    ("examples", "inputs", "message"),
    [
        (
            Pairs.from_columns({"anchor": SAME, "positive": NUMBERS}),
            PAIR,
            "anchor: all 6 rows have the same anchor .'one text'.: there is nothing to learn",
        ),
        (
            Pairs.from_columns({"anchor": NUMBERS, "positive": SAME}),
            PAIR,
            "positive: all 6 rows have the same positive",
        ),
        (Pairs.from_columns({"anchor": ["a"], "positive": ["b"]}), PAIR, "anchor: found one row"),
        (
            Triplets.from_columns({"anchor": SAME, "positive": NUMBERS, "negatives": [[]] * 6}),
            PAIR,
            "anchor: all 6 rows have the same anchor",
        ),
        (
            Labeled.from_columns({"input": NUMBERS, "label": ["cat"] * 6}),
            {"views": True, "labels": False},
            "label: all 6 rows have the same label .'cat'.: .* expected two classes or more",
        ),
        (Labeled.from_columns({"input": SAME, "label": range(6)}), PAIR, "input: all 6 rows"),
        (Inputs.from_columns({"input": np.ones((4, 2, 2))}), PAIR, "input: all 4 rows"),
        (
            Scored.from_columns({"first": NUMBERS, "second": NUMBERS, "score": [0.5] * 6}),
            {**PAIR, "scores": True},
            "score: all 6 rows have the same score .0.5.: .* expected scores that differ",
        ),
        (
            Ranked.from_columns(
                {"query": ["a", "b"], "candidates": [["c"], ["d"]], "relevance": [[1.0], [0.0]]}
            ),
            {"candidates": True},
            "candidates: every one of 2 lists has one candidate, or one relevance for all",
        ),
        (
            Ranked.from_columns(
                {"query": ["a"], "candidates": [["c", "d"]], "relevance": [[1.0, 1.0]]}
            ),
            {"candidates": True},
            "candidates: every one of 1 lists has one candidate, or one relevance for all",
        ),
    ],
)
def test_nothing_to_learn_is_refused(examples, inputs, message):
    with pytest.raises(InputError, match=message):
        said(examples, inputs)


@pytest.mark.parametrize(
    ("examples", "inputs"),
    [
        (Pairs.from_columns({"anchor": ["a", "a", "b"], "positive": ["c", "d", "d"]}), PAIR),
        (
            Triplets.from_columns({"anchor": SAME, "positive": NUMBERS, "negatives": [["n"]] * 6}),
            PAIR,
        ),
        (Labeled.from_columns({"input": NUMBERS, "label": ["cat"] * 6}), PAIR),
        (Scored.from_columns({"first": SAME, "second": NUMBERS, "score": range(6)}),
         {"scores": True}),
    ],
)  # fmt: skip
def test_what_can_be_learnt_is_not_spoken_of(examples, inputs):
    assert said(examples, inputs) == []


def test_what_may_be_otherwise_is_a_line():
    columns = {"query": NUMBERS[:3], "candidates": [["c"], ["d"], ["e", "f"]],
               "relevance": [[1.0], [1.0], [1.0, 0.0]]}  # fmt: skip
    (line,) = said(Ranked.from_columns(columns), {"candidates": True})
    assert line.startswith("warning: 2 of 3 lists have one candidate, or one relevance for all")
    pairs = Pairs.from_columns({"anchor": NUMBERS, "positive": NUMBERS[::-1]})
    (line,) = said(pairs, batch_size=1)
    assert line.startswith("warning: batches of one row have no negatives")
    assert small_batches(100, 80, 16)[0].startswith("warning: batches hold 1.2 of 16 rows")
    assert small_batches(100, 7, 16) == small_batches(3, 1, 16) == []


def test_pairs_of_one_text_are_said():
    copies = [f"{text}\n" for text in NUMBERS[:5]] + ["other"]
    (line,) = said(Pairs.from_columns({"anchor": NUMBERS, "positive": copies}))
    assert line.startswith("warning: 5 of 6 rows have one text as anchor and positive")
    few = Pairs.from_columns({"anchor": NUMBERS, "positive": [*NUMBERS[:2], "a", "b", "c", "d"]})
    assert said(few) == []


def test_negatives_of_which_none_is_left_are_said():
    texts = [f"{text} b" for text in NUMBERS]
    negatives = [[f"{n}\n", p] for n, p in zip(NUMBERS, texts, strict=True)]
    columns = {"anchor": NUMBERS, "positive": texts, "negatives": negatives}
    (line,) = said(Triplets.from_columns(columns))
    assert line.startswith("warning: 12 of 12 listed negatives are the anchor or the positive of")
    assert said(Triplets.from_columns(columns | {"negatives": [["c", n] for n in NUMBERS]})) == []


def test_inputs_that_are_twice_the_same_are_said():
    texts = StaticText.from_texts(NUMBERS, NUMBERS, dim=8)
    still = StaticText.from_texts(NUMBERS, NUMBERS, dim=8, dropout=0.0)
    alone = Inputs.from_columns({"input": NUMBERS})
    classes = Labeled.from_columns({"input": NUMBERS, "label": [0, 1] * 3})

    def lines(encoder, examples, inputs=PAIR, **settings):
        return check_partners(make_config(data="x", **settings), encoder, examples, inputs)

    assert lines(still, alone)[0].startswith("warning: every input is its own partner")
    assert lines(still, alone, view=["same"])
    assert lines(still, classes)
    assert lines(still, alone, parts=["queue:size=2"])
    assert not lines(texts, alone)
    assert not lines(still, alone, parts=["centroids:count=2"])
    assert not lines(still, alone, parts=["teacher"])
    assert not lines(still, alone, view=["word-deletion"])
    assert not lines(still, classes, {"views": True, "labels": False})
    assert not lines(still, Pairs.from_columns({"anchor": NUMBERS, "positive": NUMBERS}))


def test_texts_without_a_known_word():
    latin = ["open a file", "shut the door", "go home"]
    encoder = StaticText.from_texts(latin, latin, dim=8, tokenizer="bpe")
    none = [" ", "\t", "\n"]
    with pytest.raises(InputError, match="anchor: found no text with a word that the encoder"):
        check_words(encoder, Pairs.from_columns({"anchor": none, "positive": latin}))
    some = Pairs.from_columns({"anchor": [*latin[:2], " "], "positive": latin})
    (line,) = check_words(encoder, some)
    assert line.startswith("warning: anchor: 1 of 3 texts hold no word that the encoder knows")
    assert check_words(encoder, Pairs.from_columns({"anchor": latin, "positive": latin})) == []


def test_texts_of_unknown_tokens_are_nothing_to_a_transformer(tmp_path):
    latin = ["open a file", "shut the door", "go home"]
    encoder = TransformerText.load(save_tiny_bert(tmp_path, latin))
    none = ["\u4e2d", "\U0001f600", "\u0939"]
    with pytest.raises(InputError, match="positive: found no text with a word that the encoder"):
        check_words(encoder, Pairs.from_columns({"anchor": latin, "positive": none}))
    (line,) = check_words(
        encoder, Pairs.from_columns({"anchor": latin, "positive": [*latin[:2], none[0]]})
    )
    assert line.startswith("warning: positive: 1 of 3 texts hold no word that the encoder knows")


def test_a_gradient_of_zero_is_said_once():
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.zeros(2)
    gradient = Gradient(1000)
    lines = [gradient.look(step, [weight]) for step in range(1, 301)]
    assert [step for step, line in enumerate(lines, 1) if line] == [100]
    assert lines[99].startswith("warning: step 100: the gradient was zero each of the last 5")


def test_a_gradient_that_moves_is_not_spoken_of():
    weight = nn.Parameter(torch.ones(2))
    gradient = Gradient(300)
    for step in range(1, 301):
        weight.grad = torch.tensor([0.0, float(step == 20 or step % 100 == 0)])
        assert gradient.look(step, [weight]) is None


def test_a_short_training_without_a_gradient_is_said_at_its_end():
    weight = nn.Parameter(torch.ones(2))
    gradient = Gradient(30)
    assert [gradient.look(step, [weight]) is None for step in (20, 29, 30)] == [True, True, False]


def test_a_training_says_so(tiny_encoder, tmp_path, capsys):
    pairs = Pairs.from_columns({"anchor": NUMBERS, "positive": [f"{n}." for n in NUMBERS]})
    with pytest.raises(InputError, match="nothing to learn from"):
        dipole.fit(pairs.select([0]), tiny_encoder, out=tmp_path / "none", batch_size=2)
    assert not (tmp_path / "none").exists()
    dipole.fit(pairs, tiny_encoder, out=tmp_path / "one", batch_size=1, epochs=4)
    lines = capsys.readouterr().err
    assert "warning: batches of one row have no negatives" in lines
    assert "warning: step 24: the gradient was zero" in lines


def test_rows_that_may_not_meet_are_said(tiny_encoder, tmp_path, capsys):
    """Planted: every anchor belongs to every positive."""
    pairs = Pairs.from_columns(
        {
            "anchor": [a for a in NUMBERS for _ in NUMBERS],
            "positive": [f"{n}." for n in NUMBERS] * 6,
        }
    )
    dipole.fit(pairs, tiny_encoder, out=tmp_path / "run", batch_size=4)
    assert "warning: batches hold 1.0 of 4 rows on average" in capsys.readouterr().err


def test_a_training_of_few_steps_says_so():
    (line,) = few_steps(1, None, 64)
    assert line.startswith("warning: only 1 step in all, in batches of 64: a smaller --batch-size")
    assert few_steps(10, None, 64) == few_steps(1, 1, 64) == []
