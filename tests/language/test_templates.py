"""Prompts and answers as tokens: every answer whole, with its end; what cannot be is said."""

import pytest

from dipole.data.preferences import Answers
from dipole.errors import InputError
from dipole.language.templates import tokens_of
from support.tiny_llama import END, byte_tokenizer

TOKENIZER = byte_tokenizer()
QUESTION = [{"role": "user", "content": "2 + 2?"}]


def said(ids):
    return TOKENIZER.decode(ids)


def reply(text):
    return [{"role": "assistant", "content": text}]


def test_texts_are_read_as_they_are_and_answers_have_an_end():
    found = tokens_of(TOKENIZER, Answers("2 + 2 =", [" 4", f" five{END}"]), 96)
    assert said(found.prompt) == "2 + 2 ="
    assert [said(ids) for ids in found.answers] == [f" 4{END}", f" five{END}"]
    assert found.cut == 0


def test_the_prompt_loses_its_beginning_alike_for_all_answers():
    one = Answers("abcdefgh", ["12", "123456"])
    found = tokens_of(TOKENIZER, one, 12)
    assert said(found.prompt) == "defgh"
    assert [said(ids) for ids in found.answers] == [f"12{END}", f"123456{END}"]
    assert found.cut == 3


def test_an_answer_is_never_cut():
    with pytest.raises(InputError, match=r"an answer of 21 tokens, and the model reads 16 with"):
        tokens_of(TOKENIZER, Answers("a", ["b", 20 * "c"]), 16)


def test_conversations_go_through_the_chat_template():
    found = tokens_of(TOKENIZER, Answers(QUESTION, [reply("4"), reply("5")]), 96)
    assert said(found.prompt) == f"<|im_start|>user\n2 + 2?{END}\n<|im_start|>assistant\n"
    assert [said(ids) for ids in found.answers] == [f"4{END}", f"5{END}"]
    assert not found.ended


def test_a_template_without_an_end_is_given_one():
    plain = byte_tokenizer(
        template="{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    found = tokens_of(plain, Answers(QUESTION, [reply("4")]), 96)
    assert plain.decode(found.answers[0]) == f"4\n{END}"
    assert found.ended


@pytest.mark.parametrize(
    ("tokenizer", "one", "message"),
    [
        ({"end": None}, Answers("a", ["b"]), r"no end of text \(eos_token\), and answers would"),
        (
            {"template": None},
            Answers(QUESTION, [reply("4")]),
            "the data are conversations, and its tokenizer has no chat template",
        ),
        (
            {"template": "{{ raise_exception('no users here') }}"},
            Answers(QUESTION, [reply("4")]),
            r"does not take a conversation of user \(no users here\)",
        ),
        (
            {"template": "{{ messages | length }}{{ messages[-1]['content'] }}"},
            Answers(QUESTION, [reply("4")]),
            "writes the prompt another way once there is an answer",
        ),
        ({}, Answers("[INST] a [/INST]", ["b"]), r"found '\[INST\]' in a text, a mark of another"),
    ],
)
def test_what_cannot_be_read_gets_one_line(tokenizer, one, message):
    with pytest.raises(InputError, match=message) as raised:
        tokens_of(byte_tokenizer(**tokenizer), one, 96)
    assert "\n" not in str(raised.value)


def test_marks_that_the_tokenizer_knows_are_its_own():
    found = tokens_of(TOKENIZER, Answers("<|im_start|>user\nhi", ["b"]), 96)
    assert len(found.prompt) == 1 + len("user\nhi")
