"""Held-out rows share no text with the others; the measures are those of a by-hand ranking."""

import numpy as np
import pytest

from dipole.data import Labeled, Pairs, Ranked, Scored, Triplets, content_key
from dipole.data.examples import Inputs
from dipole.data.retrieval import retrieval_from_pairs
from dipole.errors import InputError
from dipole.evaluation.tasks.retrieval import evaluate_retrieval
from dipole.training.splitting import fold, hold_out
from dipole.training.validation import make_validation


class Vectors:
    """An encoder that looks its vectors up."""

    def __init__(self, table):
        self.table = {name: np.array(v, dtype=np.float32) for name, v in table.items()}

    def encode(self, inputs, role="document", show_progress=False):
        return np.stack([self.table[x] for x in inputs])


def test_mrr_by_hand():
    pairs = Pairs.from_columns({"anchor": ["p", "q"], "positive": ["P", "Q"]})
    encoder = Vectors({"p": [1, 0], "q": [0.9, 0.1], "P": [1, 0], "Q": [0, 1]})
    name, measure = make_validation(pairs)
    assert name == "MRR@10"
    assert measure(encoder) == pytest.approx((1 + 1 / 2) / 2)


def test_equal_positives_are_one_document():
    pairs = Pairs.from_columns({"anchor": ["p", "q"], "positive": ["P", "P"]})
    encoder = Vectors({"p": [1, 0], "q": [0, 1], "P": [1, 0]})
    assert make_validation(pairs)[1](encoder) == 1.0


def test_spearman_by_hand():
    scored = Scored.from_columns(
        {"first": ["a", "a", "a"], "second": ["b", "c", "d"], "score": [3.0, 2.0, 1.0]}
    )
    encoder = Vectors({"a": [1, 0], "b": [1, 0], "d": [0.8, 0.6], "c": [0, 1]})
    name, measure = make_validation(scored)
    assert name == "Spearman"
    assert measure(encoder) == pytest.approx(0.5)  # ranks 3 2 1 against 3 1 2


def test_held_out_texts_are_never_trained_on():
    pairs = Pairs.from_columns(
        {"anchor": [f"a{i}" for i in range(400)], "positive": [f"p{i % 200}" for i in range(400)]}
    )
    training, held = hold_out(pairs, 0.2)
    assert len(training) + len(held) == 400
    assert not set(training.column("positive")) & set(held.column("positive"))
    assert 0.1 < len(held) / 400 < 0.3
    assert hold_out(pairs, 0.2)[1].ids == held.ids


def test_a_side_without_rows_is_refused():
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    with pytest.raises(InputError, match=r"validation: 0.1 of 1 rows leaves one side empty"):
        hold_out(pairs, 0.1)


def test_every_positive_of_an_anchor_counts():
    """A perfect model of an anchor with two positives has MRR 1, as `evaluate` says."""
    pairs = Pairs.from_columns({"anchor": ["q", "q", "r"], "positive": ["q1", "q2", "r1"]})
    encoder = Vectors({"q": [1, 0], "r": [0, 1], "q1": [1, 0], "q2": [1, 0.1], "r1": [0, 1]})
    assert make_validation(pairs)[1](encoder) == 1.0
    turned = Vectors({"q": [0, 1], "r": [1, 0], "q1": [1, 0], "q2": [0.1, 1], "r1": [0, 1]})
    by_hand = (1 / 2 + 1 / 3) / 2
    measured = evaluate_retrieval(turned, retrieval_from_pairs(pairs)).value("MRR@10")
    assert make_validation(pairs)[1](turned) == measured == pytest.approx(by_hand)


def chained(kind, n=600):
    """Rows in chains of three: i and i + 1 share a text, one of them in another form."""
    one = [f"left {i // 3 * 3 + min(i % 3, 1)}" for i in range(n)]
    two = [f"{' ' * (i % 2)}right {' ' * (i % 2)}{i - (i % 3 == 1)}" for i in range(n)]
    if kind is Labeled:
        return Labeled.from_columns({"input": one, "label": [i % 2 for i in range(n)]})
    if kind is Inputs:
        return Inputs.from_columns({"input": two})
    if kind is Scored:
        return Scored.from_columns(
            {"first": one, "second": two, "score": [i / n for i in range(n)]}
        )
    if kind is Ranked:
        lists = [[f"far {i % 7}", text] for i, text in enumerate(two)]
        columns = {"query": one, "candidates": lists, "relevance": [[0.0, 1.0]] * n}
        return Ranked.from_columns(columns)
    columns = {"anchor": one, "positive": two}
    if kind is Triplets:
        columns["negatives"] = [[f"right {(i + 50) % n}"] for i in range(n)]
    return kind.from_columns(columns)


@pytest.mark.parametrize("kind", [Pairs, Triplets, Labeled, Inputs, Scored, Ranked])
def test_no_text_is_on_both_sides(kind):
    examples = chained(kind)

    def texts(part):
        found = [part.keys(f) for f in ("anchor", "positive", "first", "second", "input", "query")
                 if f in part.FIELDS]  # fmt: skip
        if kind is Ranked:
            found.append([content_key(row[1]) for row in part.column("candidates")])
        return {int(key) for column in found for key in column}

    for fraction in (0.1, 0.3):
        training, held = hold_out(examples, fraction)
        assert len(training) + len(held) == 600
        assert not texts(training) & texts(held)
        assert 0.5 * fraction < len(held) / 600 < 1.7 * fraction
        assert hold_out(examples, fraction)[1].ids == held.ids
    if kind not in (Labeled, Inputs):  # chains are never cut
        numbers = {(int(i) - 1) // 3 for i in held.ids}
        assert len(held) == 3 * len(numbers)


def test_texts_that_hold_nearly_all_rows_together_are_trained_on_or_refused():
    answers = ["yes"] * 700 + [f"answer {i}" for i in range(300)]
    columns = {"anchor": [f"question {i}" for i in range(1000)], "positive": answers}
    _, held = hold_out(Pairs.from_columns(columns), 0.1)
    assert "yes" not in held.column("positive")
    assert 70 < len(held) < 130
    columns["positive"] = ["yes"] * 990 + answers[-10:]
    with pytest.raises(InputError, match=r"0.1 of 1,000 rows cannot be held out: 990 rows hang"):
        hold_out(Pairs.from_columns(columns), 0.1)


@pytest.mark.parametrize("kind", [Pairs, Labeled, Scored])
def test_what_is_chosen_by_a_validation_is_not_in_the_test(kind):
    """A search by 0.1 of a file and a comparison on 0.2 of it share no row."""
    examples = chained(kind)
    validation, test = hold_out(examples, 0.1)[1], hold_out(examples, 0.2, "test")[1]
    assert not set(validation.ids) & set(test.ids)
    assert 60 < len(test) < 180


@pytest.mark.parametrize("kind", [Pairs, Labeled, Scored])
def test_folds_have_no_text_in_common_and_hold_everything(kind):
    examples = chained(kind)
    parts = [fold(examples, number, 5) for number in range(5)]
    tests = [set(test.ids) for _, test in parts]
    assert sum(map(len, tests)) == len(set.union(*tests)) == len(examples)
    for train, test in parts:
        assert not set(train.ids) & set(test.ids)
        assert 60 < len(test) < 180
        for field in ("anchor", "positive", "first", "second", "input"):
            if field in examples.FIELDS:
                assert not set(train.keys(field)) & set(test.keys(field))


def test_rows_that_come_in_too_few_parts():
    columns = {"anchor": [f"question {i}" for i in range(100)], "positive": ["yes"] * 100}
    with pytest.raises(InputError, match="100 rows do not come in 5 parts, 100 of them hang"):
        fold(Pairs.from_columns(columns), 0, 5)
    columns["positive"] = [f"answer {i}" for i in range(100)]
    with pytest.raises(InputError, match="found number 5 of 5"):
        fold(Pairs.from_columns(columns), 5, 5)
