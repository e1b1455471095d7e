import numpy as np

from dipole.data import Inputs
from dipole.studies.benches.sentences import docstrings
from dipole.studies.benches.tiny_text import tiny_text
from dipole.systems.text.debcse import drawn


def test_every_text_gets_a_partner_and_another_text_in_every_epoch():
    texts = docstrings(30)
    inputs = Inputs.from_columns({"input": texts})
    found = drawn(inputs, tiny_text(texts, seed=0, vocabulary=300), seed=0, epochs=2)
    assert list(found.column("anchor")) == texts * 2
    first, second = np.split(np.array(found.column("positive")), 2)
    assert (first != second).any()
    rows = zip(found.column("anchor"), found.column("negatives"), strict=True)
    assert all(len(other) == 1 and other[0] != text for text, other in rows)
