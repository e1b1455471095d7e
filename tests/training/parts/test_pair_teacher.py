"""A teacher that reads pairs: its scores are those it would give, made once, gone on with."""

import json

import numpy as np
import pytest
import torch

from dipole.data import Inputs, Pairs, Ranked, Triplets
from dipole.errors import InputError
from dipole.lexical.bm25 import BM25
from dipole.objectives import DSE, InfoNCE, KLListwise
from dipole.training.fit import fit
from dipole.training.parts import PairTeacher, pair_teacher
from dipole.training.parts.lists import Lists
from support.parts import bound

TEXTS = ["open a file", "close the door", "read one line", "write it down"]
PAIRS = Pairs.from_columns({"anchor": TEXTS, "positive": TEXTS[::-1]})
RANKED = Ranked.from_columns(
    {"query": TEXTS[:2], "candidates": [TEXTS, TEXTS[:1]], "relevance": [[1, 0, 0, 0], [1]]}
)


def longer(first, second):
    """By how much the second text is longer, and a bit of the first."""
    return np.array([len(b) - len(a) / 10 for a, b in zip(first, second, strict=True)])


def scores(first, second):
    return torch.from_numpy(longer(first, second)).float()


def rows(*numbers):
    return {"rows": torch.tensor(numbers)}


def test_every_pair_is_scored():
    teacher = bound(PairTeacher(longer), DSE(dim=8).inputs(), examples=PAIRS)
    found = teacher.before(rows(2, 0))["teacher_scores"]
    expected = scores([TEXTS[2], TEXTS[0]], [TEXTS[1], TEXTS[3]])[:, None]
    torch.testing.assert_close(found, expected)


def test_every_candidate_is_scored():
    teacher = bound(PairTeacher(longer), KLListwise().inputs(), examples=RANKED)
    mask = torch.tensor([[True, False, False, False], [True] * 4])
    found = teacher.before(rows(1, 0) | {"mask": mask})["teacher_scores"]
    torch.testing.assert_close(found[1], scores(TEXTS[:1] * 4, TEXTS))
    assert found[0].tolist() == [scores([TEXTS[1]], [TEXTS[0]]).item(), 0, 0, 0]


def test_lists_of_a_batch_are_scored_in_their_order():
    """Every anchor with its positive, the others' and the negatives that are there."""
    examples = Triplets.from_columns(
        {"anchor": TEXTS[:2], "positive": TEXTS[2:], "negatives": [["no", "never"], ["nothing"]]}
    )
    teacher = bound(PairTeacher(longer), KLListwise().inputs(), examples=examples)
    batch = {
        **rows(0, 1),
        "positive": torch.randn(2, 4),
        "ids": torch.tensor([5, 6]),
        "negative": torch.randn(2, 4),
        "negative_ids": torch.tensor([7, 8]),
        "negative_there": torch.tensor([True, False, True]),
    }
    found = Lists().before(teacher.before(batch))["teacher_scores"]
    columns = [TEXTS[2], TEXTS[3], "no", "nothing"], [TEXTS[3], TEXTS[2], "no", "nothing"]
    for row, texts in enumerate(columns):
        torch.testing.assert_close(found[row], scores([TEXTS[row]] * 4, texts))


def test_bm25_knows_the_words_of_the_data():
    teacher = bound(PairTeacher("bm25"), DSE(dim=8).inputs(), examples=PAIRS)
    index = BM25({str(i): text for i, text in enumerate(TEXTS[::-1])})
    expected = [index.scores(text)[i] for i, text in enumerate(TEXTS)]
    found = teacher.before(rows(0, 1, 2, 3))["teacher_scores"][:, 0]
    np.testing.assert_allclose(found, expected)


def test_scores_of_a_named_teacher_are_made_once_and_gone_on_with(tmp_path, monkeypatch):
    """A stop in the middle costs the block it was in."""
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pair_teacher, "BLOCK", 2)
    calls = tmp_path / "calls"
    (tmp_path / "judge.py").write_text(
        "from pathlib import Path\n"
        f"CALLS, STOP = Path({str(calls)!r}), Path({str(tmp_path / 'stop')!r})\n"
        "def judge(first, second):\n"
        "    if STOP.exists() and CALLS.exists(): raise KeyboardInterrupt\n"
        "    with CALLS.open('a') as file: file.write('x')\n"
        "    return [len(text) for text in second]\n"
    )
    place = f"{tmp_path / 'judge.py'}:judge"
    (tmp_path / "stop").touch()
    with pytest.raises(KeyboardInterrupt):
        bound(PairTeacher(place), DSE(dim=8).inputs(), examples=PAIRS)
    (tmp_path / "stop").unlink()
    for _ in range(2):
        teacher = bound(PairTeacher(place), DSE(dim=8).inputs(), examples=PAIRS)
    assert calls.read_text() == "xx"
    found = teacher.before(rows(0, 1, 2, 3))["teacher_scores"][:, 0]
    assert found.tolist() == [len(text) for text in TEXTS[::-1]]


def test_an_object_teaches_as_it_is_now():
    """No name says what state it has: its scores are made for every run, and tell runs apart."""
    one, other = (
        bound(PairTeacher(teacher), DSE(dim=8).inputs(), examples=PAIRS)
        for teacher in (longer, lambda a, b: longer(a, b) + 1)
    )
    assert one.made_of() != other.made_of()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda first, second: [1.0], r"shape \(1,\) for 4 pairs; expected a number for each pair"),
        (lambda first, second: [np.nan] * 4, "not finite"),
        (3, "at teacher; expected a function"),
    ],
)
def test_what_is_no_teacher(model, message):
    with pytest.raises(
        (InputError, TypeError), match=message if model != "dipole.errors:note" else ""
    ):
        bound(PairTeacher(model), DSE(dim=8).inputs(), examples=PAIRS)


def test_what_cannot_be():
    with pytest.raises(InputError, match="expected an encoder, a PairScorer or a function"):
        PairTeacher(torch.nn.Linear(1, 1))
    with pytest.raises(InputError, match="an objective that takes none"):
        bound(PairTeacher(longer), InfoNCE().inputs(), examples=PAIRS)
    inputs = Inputs.from_columns({"input": TEXTS})
    with pytest.raises(InputError, match="found Inputs, inputs without a partner"):
        bound(PairTeacher(longer), DSE(dim=8).inputs(), examples=inputs)


def test_triplets_are_lists_of_their_own(tmp_path, tiny_encoder):
    """And the student learns the teacher's order."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 5)) for _ in range(60)]
    path = tmp_path / "triplets.jsonl"
    lines = [
        {"anchor": words[i], "positive": words[i + 20], "negative": words[i + 40]}
        for i in range(20)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def shared(first, second):
        return np.array([len({*a} & {*b}) / 4 for a, b in zip(first, second, strict=True)])

    run = fit(
        str(path), tiny_encoder, "kl-listwise", out=tmp_path / "run", parts=[PairTeacher(shared)],
        epochs=30, show_progress=False, log_every=3,
    )  # fmt: skip
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert losses[-1] < 0.5 * losses[0]
