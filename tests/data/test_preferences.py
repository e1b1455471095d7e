"""Preferences as public data sets have them, and the lines about what is wrong with a row."""

import json

import pytest

from dipole.data import Preferences, load_preferences
from dipole.data.preferences import Dialogues
from dipole.errors import InputError


def asked(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


def test_prompt_chosen_and_rejected(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"prompt": "2 + 2 =", "chosen": " 4", "rejected": " 5"}))
    found = load_preferences(path)
    assert found[0] == {"id": "1", "prompt": "2 + 2 =", "answers": [" 4", " 5"], "ratings": [1, 0]}
    assert found.origin == f"{path}: prompt 'prompt', chosen 'chosen', rejected 'rejected'"
    assert found.read([0])[0].answers == [" 4", " 5"]


@pytest.mark.parametrize("value", [True, "true", 1, "1"])
def test_single_answers_with_a_label(value):
    found = load_preferences([{"prompt": "a", "completion": "b", "label": value}])
    assert (found[0]["answers"], found[0]["ratings"]) == (["b"], [1.0])


def test_lists_of_answers_stand_by_their_ratings_the_best_first():
    rows = [{"prompt": "a", "responses": ["b", "c", "d"], "scores": [0.1, 0.9, 0.5]}]
    assert load_preferences(rows)[0]["answers"] == ["c", "d", "b"]
    assert load_preferences(rows)[0]["ratings"] == [0.9, 0.5, 0.1]


def test_columns_of_other_names_are_named():
    rows = [{"ask": "a", "good": "b", "bad": "c"}]
    found = load_preferences(rows, prompt="ask", chosen="good", rejected="bad")
    assert found[0]["answers"] == ["b", "c"]


def test_transcripts_are_one_prompt_and_two_answers():
    before = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: what?\n\nAssistant:"
    rows = [{"chosen": before + " this", "rejected": before + " that"}]
    found = load_preferences(rows)
    assert found[0]["prompt"] == before
    assert found[0]["answers"] == [" this", " that"]
    assert "their common beginning" in found.origin


def test_conversations_with_and_without_a_prompt_are_the_same():
    whole = {"chosen": [asked("a"), said("b")], "rejected": [asked("a"), said("c")]}
    split = {"prompt": [asked("a")], "chosen": [said("b")], "rejected": [said("c")]}
    titled = whole | {"prompt": "a"}
    for row in (whole, split, titled):
        found = load_preferences([row])
        assert isinstance(found, Dialogues)
        (one,) = found.read([0])
        assert one.prompt == [asked("a")]
        assert one.answers == [[said("b")], [said("c")]]


HH = "\n\nHuman: {}\n\nAssistant: {}"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "a", "chosen": "b"}, "found 'chosen' and no rejected answer among"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, "column 'rejected': found no rejected"),
        ({"prompt": "a", "chosen": "b", "rejected": None}, "column 'rejected': found no rejected"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "found one answer twice; expected two"),
        ({"prompt": "", "chosen": "b", "rejected": "c"}, "column 'prompt': found empty text"),
        ({"chosen": "b", "rejected": "c"}, "no column of prompts; expected one ('prompt'), or"),
        (
            {"chosen": HH.format("a", "b"), "rejected": HH.format("x", "c")},
            "transcripts that differ before their last answer",
        ),
        (
            {"chosen": [asked("a"), said("b")], "rejected": [asked("x"), said("c")]},
            "conversations with nothing in common at their beginning",
        ),
        ({"prompt": "a", "response": "b", "score": "good"}, "column 'score': found 'good'"),
        ({"prompt": "a", "responses": ["b"], "scores": [1, 2]}, "found 1 answers and 2 ratings"),
        ({"prompt": "a", "responses": ["b", "b"], "scores": [1, 2]}, "found one answer twice"),
        ({"question": "a", "text": "b"}, "found no preferences among question, text; expected"),
    ],
)
def test_a_row_that_is_none_gets_one_line(row, message):
    with pytest.raises(InputError) as raised:
        load_preferences([row])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bad_rows_can_be_skipped():
    good = {"prompt": "a", "chosen": "b", "rejected": "c"}
    found = load_preferences([good, good | {"rejected": "b"}], on_bad_row="skip")
    assert (len(found), found.skipped.count) == (1, 1)


def test_examples_come_through_as_they_are():
    found = load_preferences([{"prompt": "a", "chosen": "b", "rejected": "c"}])
    assert load_preferences(found) is found
    assert isinstance(found, Preferences)
