import numpy as np
import pytest

from dipole.data import Inputs
from dipole.errors import InputError
from dipole.studies.benches.sentences import docstrings
from dipole.studies.benches.tiny_text import tiny_text
from dipole.systems.text.debcse import contradictions, drawn


def test_every_text_gets_a_partner_and_another_text_in_every_epoch():
    texts = docstrings(30)
    inputs = Inputs.from_columns({"input": texts})
    found = drawn(inputs, tiny_text(texts, seed=0, vocabulary=300), seed=0, epochs=2)
    assert list(found.column("anchor")) == texts * 2
    first, second = np.split(np.array(found.column("positive")), 2)
    assert (first != second).any()
    rows = zip(found.column("anchor"), found.column("negatives"), strict=True)
    assert all(len(other) == 1 and other[0] != text for text, other in rows)


def test_a_triplet_needs_a_paraphrase_and_a_contradiction(tmp_path, monkeypatch):
    rows = [
        ("a dog runs", "a hound runs", "4.5", "ENTAILMENT"),
        ("no dog runs", "a dog runs", "3.5", "CONTRADICTION"),
        ("a dog runs", "a dog is in a race", "3.0", "ENTAILMENT"),  # not near enough
        ("a cat sleeps", "a cat is asleep", "5.0", "ENTAILMENT"),  # nothing contradicts it
    ]
    head = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"
    lines = [head, *("\t".join(("1", *row)) for row in rows)]
    (tmp_path / "sick").mkdir()
    (tmp_path / "sick/SICK_train.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "sick/SICK_trial.txt").write_text(head + "\n")
    monkeypatch.setenv("DIPOLE_DATA", str(tmp_path))
    assert contradictions(quick=False) == [("a dog runs", "a hound runs", "no dog runs")]
    monkeypatch.setenv("DIPOLE_DATA", str(tmp_path / "nothing"))
    with pytest.raises(InputError, match=r"sick: .*SICK_\{train,trial,test_annotated\}"):
        contradictions(quick=False)
