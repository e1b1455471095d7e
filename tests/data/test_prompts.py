"""Prompts of files and tables: texts, conversations, contrasts, and what is wrong with them."""

import json

import pytest

from dipole.data.prompts import Prompt, load_prompts
from dipole.errors import InputError

CHAT = [{"role": "user", "content": "Hi"}]


def test_texts_with_and_without_a_contrast(tmp_path):
    rows = [{"id": "a", "prompt": "x", "contrast": "y"}, {"id": "b", "prompt": "z"}]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = load_prompts(path)
    assert found.read([0, 1]) == [Prompt("x", "y", "a"), Prompt("z", None, "b")]
    assert "prompt 'prompt', contrast 'contrast'" in found.origin


def test_conversations():
    other = [{"role": "user", "content": "Ho"}]
    rows = [{"prompt": CHAT, "contrast": other}, {"prompt": [*CHAT, *other]}]
    assert load_prompts(rows).read([0, 1]) == [
        Prompt(CHAT, other, "0"), Prompt([*CHAT, *other], None, "1"),
    ]  # fmt: skip


def test_columns_by_name():
    rows = [{"ask": "x", "twin": "y", "key": "k"}]
    found = load_prompts(rows, "ask", "twin", "key")
    assert found.read([0]) == [Prompt("x", "y", "k")]
    assert load_prompts([{"question": "q", "answer": "a"}]).read([0])[0].text == "q"


@pytest.mark.parametrize(
    ("rows", "named", "message"),
    [
        ([{"a": "x"}], {}, "found no prompts among a; expected a column 'prompt'"),
        ([{"prompt": "x"}], {"contrast": "y"}, r"no column 'y' \(--contrast\)"),
        ([{"prompt": "x"}, {"prompt": ""}], {}, "index 1: .*found empty text"),
        ([{"prompt": CHAT}, {"prompt": [{"role": "user"}]}], {}, "index 1: .*expected messages"),
    ],
)
def test_what_is_wrong_is_one_line(rows, named, message):
    with pytest.raises(InputError, match=message):
        load_prompts(rows, **named)
