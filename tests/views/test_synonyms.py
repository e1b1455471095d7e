"""EDA's operations, and where synonyms come from."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.kernels.draws import RowGenerator
from dipole.views import build_views
from dipole.views.synonyms import (
    EDA,
    SynonymInsertion,
    SynonymReplacement,
    WordSwap,
    read_thesaurus,
)

WORDS = [f"w{i}" for i in range(20)]
TEXT = " ".join(WORDS)


@pytest.fixture
def thesaurus(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("w1, X1\nW2,x2,y2,\nalone\n\nw1,z1\n", encoding="utf-8")
    return str(path)


def many(view, text=TEXT, n=200):
    return [t.split() for t in view([text] * n, np.random.default_rng(0))]


def test_a_thesaurus_is_read(thesaurus, tmp_path):
    assert read_thesaurus(thesaurus)["w1"] == ["x1", "z1"]
    assert read_thesaurus(thesaurus)["y2"] == ["w2", "x2"]
    own = tmp_path / "own.py"
    own.write_text("WORDS = {'a': ['b']}\n", encoding="utf-8")
    assert read_thesaurus(f"{own}:WORDS") == {"a": ["b"]}


def test_words_become_synonyms(thesaurus):
    for words in many(SynonymReplacement(0.1, thesaurus)):
        assert words[:1] + words[3:] == WORDS[:1] + WORDS[3:]
        assert words[1] in ("x1", "z1")
        assert words[2] in ("x2", "y2")
    one = [sum(a != b for a, b in zip(w, WORDS, strict=True)) for w in
           many(SynonymReplacement(0.01, thesaurus))]  # fmt: skip
    assert set(one) == {1}
    assert many(SynonymReplacement(0.1, thesaurus), "no word") == [["no", "word"]] * 200


def test_synonyms_come_in(thesaurus):
    for words in many(SynonymInsertion(0.1, thesaurus)):
        new = [word for word in words if word not in WORDS]
        assert len(words) == 22
        assert len(new) == 2
        assert set(new) <= {"x1", "z1", "x2", "y2"}
        assert [word for word in words if word in WORDS] == WORDS


def test_words_change_places():
    for words in many(WordSwap(0.05)):
        assert sorted(words) == sorted(WORDS)
        assert sum(a != b for a, b in zip(words, WORDS, strict=True)) == 2


def test_eda_takes_one_of_four(thesaurus):
    kinds = set()
    for words in many(EDA(0.05, thesaurus)):
        new = any(word not in WORDS for word in words)
        kinds.add((new, len(words) - 20 if new else sorted(words) == sorted(WORDS)))
    assert {(True, 0), (True, 1), (False, True)} <= kinds
    (view,) = build_views(["dipole.views.synonyms:EDA*1"], thesaurus=thesaurus)
    whole = view([TEXT] * 4, RowGenerator((3,)))
    assert view([TEXT] * 2, RowGenerator((3,), start=2)) == whole[2:]


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(InputError, match=r"view option thesaurus: cannot read .*nowhere\.txt"):
        SynonymReplacement(thesaurus=str(tmp_path / "nowhere.txt"))
    (tmp_path / "none.txt").write_text("alone\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"none\.txt: found no line with two words; expected"):
        EDA(thesaurus=str(tmp_path / "none.txt"))
    with pytest.raises(InputError, match="view option rate: found 2"):
        EDA(rate=2)
