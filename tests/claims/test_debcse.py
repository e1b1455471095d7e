import numpy as np

from dipole.claims.debcse import drawn
from dipole.claims.study.sentences import docstrings
from dipole.claims.study.tiny_text import tiny_text


def test_every_text_gets_a_partner_and_another_text_in_every_epoch():
    texts = docstrings(30)
    found, looks = drawn(texts, tiny_text(texts, seed=0, vocabulary=300), seed=0, epochs=2)
    assert list(found.column("anchor")) == texts * 2
    assert looks.shape == (30,)
    assert np.all((looks >= 0) & (looks <= 1))
    rows = zip(found.column("anchor"), found.column("negatives"), strict=True)
    assert all(len(other) == 1 and other[0] != text for text, other in rows)
