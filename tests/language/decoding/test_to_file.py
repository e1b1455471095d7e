"""A file of answers: what `generate` gives, whatever stops it on the way."""

import json

import pytest

from dipole.errors import InputError
from dipole.language.decoding import generate, generate_to_file
from dipole.language.decoding.generate import Task

PROMPTS = ["Hello", "A rather longer prompt than that", "x", "and 4", "five"]
HOW = {"method": "sample", "temperature": 0.9, "max_new_tokens": 6, "samples": 2, "batch_size": 3}


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def stopped(llama, tmp_path, monkeypatch):
    """Stop a generation after two of its four batches."""
    whole = Task.batches

    def until(task, start=0):
        for number, batch in enumerate(whole(task, start), start):
            if number == 2:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patched:
        patched.setattr(Task, "batches", until)
        with pytest.raises(KeyboardInterrupt):
            generate_to_file(llama, PROMPTS, tmp_path / "out.jsonl", **HOW)
    return tmp_path / ".out.jsonl.generating"


def test_the_file_has_what_generate_gives(llama, tmp_path):
    assert generate_to_file(llama, PROMPTS, tmp_path / "out.jsonl", **HOW) == 10
    assert lines(tmp_path / "out.jsonl") == [
        answer.to_json() for answer in generate(llama, PROMPTS, **HOW)
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    with pytest.raises(InputError, match=r"out.jsonl: exists; expected the name of a new file"):
        generate_to_file(llama, PROMPTS, tmp_path / "out.jsonl", **HOW)
    with pytest.raises(InputError, match=r"no folder .*; expected one that exists"):
        generate_to_file(llama, PROMPTS, tmp_path / "no" / "out.jsonl", **HOW)


@pytest.mark.parametrize("damage", ["none", "cut", "no json"])
def test_stopped_it_goes_on_and_ends_the_same(llama, tmp_path, stopped, monkeypatch, damage):
    if damage == "cut":
        stopped.write_bytes(stopped.read_bytes()[:-9])
    elif damage == "no json":
        stopped.write_bytes(stopped.read_bytes() + b"{\n")
    begun, whole = [], Task.batches
    monkeypatch.setattr(
        Task, "batches", lambda task, start=0: begun.append(start) or whole(task, start)
    )
    generate_to_file(llama, PROMPTS, tmp_path / "out.jsonl", **HOW)
    assert begun == [1 if damage == "cut" else 2]
    assert lines(tmp_path / "out.jsonl") == [
        answer.to_json() for answer in generate(llama, PROMPTS, **HOW)
    ]
    assert not stopped.exists()


def test_other_settings_begin_anew(llama, tmp_path, stopped):
    other = HOW | {"temperature": 0.5}
    generate_to_file(llama, PROMPTS, tmp_path / "out.jsonl", **other)
    assert lines(tmp_path / "out.jsonl") == [
        answer.to_json() for answer in generate(llama, PROMPTS, **other)
    ]
