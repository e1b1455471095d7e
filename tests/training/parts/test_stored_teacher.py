"""A teacher's stored vectors are those it would give, and are made once."""

import numpy as np
import pytest
import torch

from dipole.data import Pairs, Ranked, Triplets
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.objectives import InfoNCE, KLListwise
from dipole.training.fit import fit
from dipole.training.parts import StoredTeacher
from dipole.training.parts.stored_teacher import stored_vectors
from support.parts import bound

TEXTS = ["open a file", "close the door", "read one line", "write it down"]


@pytest.fixture
def teacher():
    torch.manual_seed(0)
    return StaticText.from_texts(TEXTS, TEXTS, dim=8, shared=True)


def rows(*numbers):
    return {"rows": torch.tensor(numbers)}


def test_rows_are_the_teachers_vectors(teacher):
    pairs = Pairs.from_columns({"anchor": TEXTS, "positive": TEXTS[::-1]})
    stored = bound(StoredTeacher(teacher), KLListwise().inputs(), examples=pairs)
    found = stored.before(rows(2, 0))
    expected = teacher.encode([TEXTS[2], TEXTS[0]], "query")
    np.testing.assert_array_equal(found["teacher_anchor"].numpy(), expected)
    expected = teacher.encode([TEXTS[1], TEXTS[3]])
    np.testing.assert_array_equal(found["teacher_positive"].numpy(), expected)


def test_uneven_lists(teacher):
    triplets = Triplets.from_columns(
        {"anchor": TEXTS[:2], "positive": TEXTS[2:], "negatives": [TEXTS[:2], TEXTS[3:]]}
    )
    found = bound(StoredTeacher(teacher), KLListwise().inputs(), examples=triplets).before(
        rows(1, 0)
    )
    expected = teacher.encode([TEXTS[3], TEXTS[0], TEXTS[1]])
    np.testing.assert_array_equal(found["teacher_negative"].numpy(), expected)
    ranked = Ranked.from_columns(
        {"query": TEXTS[:2], "candidates": [TEXTS, TEXTS[:1]], "relevance": [[1, 0, 0, 0], [1]]}
    )
    mask = torch.tensor([[True, False, False, False], [True] * 4])
    stored = bound(StoredTeacher(teacher), KLListwise().inputs(), examples=ranked)
    found = stored.before(rows(1, 0) | {"mask": mask})["teacher_candidates"]
    np.testing.assert_array_equal(found[1].numpy(), teacher.encode(TEXTS))
    assert not found[0, 1:].any()


def test_vectors_are_made_once(teacher, monkeypatch):
    pairs = Pairs.from_columns({"anchor": ["once"], "positive": ["more"]})
    first = bound(StoredTeacher(teacher), KLListwise().inputs(), examples=pairs).before(rows(0))
    monkeypatch.setattr(teacher, "encode", None)
    again = bound(StoredTeacher(teacher), KLListwise().inputs(), examples=pairs).before(rows(0))
    assert torch.equal(first["teacher_anchor"], again["teacher_anchor"])


def test_an_input_that_repeats_is_encoded_once(teacher, monkeypatch):
    lists = [[TEXTS[0], TEXTS[1]], [TEXTS[1], TEXTS[0]], [TEXTS[1]]]
    ranked = Ranked.from_columns(
        {"query": [TEXTS[3]] * 3, "candidates": lists, "relevance": [[1, 0], [1, 0], [1]]}
    )
    asked, encode = [], teacher.encode
    monkeypatch.setattr(
        teacher, "encode", lambda x, role, **more: (asked.append(list(x)), encode(x, role))[1]
    )
    stored = bound(StoredTeacher(teacher), KLListwise().inputs(), examples=ranked)
    assert sorted(map(sorted, asked)) == [[TEXTS[1], TEXTS[0]], [TEXTS[3]]]
    mask = torch.tensor([[True, True], [True, True], [True, False]])
    found = stored.before(rows(0, 1, 2) | {"mask": mask})
    np.testing.assert_array_equal(found["teacher_candidates"][1].numpy(), encode(lists[1]))
    np.testing.assert_array_equal(found["teacher_candidates"][2, 0].numpy(), encode(lists[2])[0])
    np.testing.assert_array_equal(found["teacher_anchor"].numpy(), encode([TEXTS[3]] * 3, "query"))
    turned = stored_vectors(teacher, ranked.select([2, 0, 1]), "query", "query")
    assert len(turned) == 3
    assert len(asked) == 2, "another order of the same is there already"


def test_a_model_gives_scores_only(teacher):
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    with pytest.raises(InputError, match="expected kl-listwise"):
        bound(StoredTeacher(teacher), InfoNCE().inputs(), examples=pairs)


def test_a_student_learns_the_teachers_scores(teacher, tiny_encoder, pairs, tmp_path):
    teacher.save(tmp_path / "teacher")
    import dipole.encoders as encoders

    tiny = encoders.load_encoder
    encoders.load_encoder = lambda folder: teacher if "teacher" in str(folder) else tiny(folder)
    run = fit(
        pairs,
        tiny_encoder,
        "kl-listwise",
        out=tmp_path / "run",
        parts=f"teacher:model={tmp_path / 'teacher'}",
        epochs=30,
        show_progress=False,
        log_every=7,
    )
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    losses = [float(line.split('"loss": ')[1].split(",")[0]) for line in lines]
    assert losses[-1] < 0.5 * losses[0]
