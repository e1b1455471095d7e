"""The measure of a policy: how often the better answer has the higher reward, by hand."""

import numpy as np
import pytest

from dipole.data.preferences import Preferences
from dipole.errors import InputError
from dipole.training.answers import ACCURACY, MARGIN, preference_measure


def measured(monkeypatch, answers, ratings, log_probs):
    """Of a policy with these log-probabilities of tokens, an array an answer, without reference."""
    rows = {"prompt": [f"prompt {i}" for i in range(len(answers))], "answers": answers}
    examples = Preferences.from_columns(rows | {"ratings": ratings})
    found = [np.array(part, dtype=np.float32) for part in log_probs]
    monkeypatch.setattr("dipole.language.stored.log_probs_of", lambda *_: found)
    return preference_measure(examples, [])(None)


def test_pairs_are_compared_within_their_prompt(monkeypatch):
    """Means over tokens: -1 above -2, -3 below -2, and a tie, which counts half."""
    found = measured(
        monkeypatch,
        [["a", "b"], ["c", "d"], ["e", "f"]],
        [[1.0, 0.0]] * 3,
        [[-1.0, -1.0], [-2.0], [-3.0], [-1.0, -3.0], [-5.0], [-5.0]],
    )
    assert found == {ACCURACY: pytest.approx(0.5), MARGIN: pytest.approx((1 - 1 + 0) / 3)}


def test_of_a_list_every_two_answers_of_unlike_ratings_are_compared(monkeypatch):
    found = measured(monkeypatch, [["a", "b", "c"]], [[2.0, 1.0, 1.0]], [[-1.0], [-2.0], [-0.5]])
    assert found == {ACCURACY: 0.5, MARGIN: pytest.approx((1 - 0.5) / 2)}


def test_single_answers_are_compared_across_prompts(monkeypatch):
    found = measured(
        monkeypatch, [["a"], ["b"], ["c"]], [[1.0], [0.0], [1.0]], [[-1.0], [-2.0], [-4.0]]
    )
    assert found == {ACCURACY: 0.5, MARGIN: pytest.approx((1 - 2) / 2)}


def test_nothing_to_compare_is_said(monkeypatch):
    with pytest.raises(InputError, match=r"validation: .*: found no two answers of which one is"):
        measured(monkeypatch, [["a"], ["b"]], [[1.0], [1.0]], [[-1.0], [-2.0]])
