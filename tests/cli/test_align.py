"""`dipole align`: links of both kinds of files, measures, and one line for what is wrong."""

import json
import sys

import pytest

from dipole.aligning.words import align_words, written
from dipole.cli import main

PAIRS = [("das Haus", "the house"), ("das Buch", "the book"), ("", "x"), ("ein Buch", "a book")]
OWN = """
from dipole.aligning.words import Aligner

class Diagonal(Aligner):
    shift: int = 0

    def align(self, bitext, symmetry):
        both = zip(bitext.source, bitext.target)
        return [frozenset((i, i + self.shift) for i in range(len(s)) if t) for s, t in both]
"""


@pytest.fixture
def dipole(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    files = {"a.de": [a for a, _ in PAIRS], "a.en": [b for _, b in PAIRS],
             "one.txt": [f"{a} ||| {b}" for a, b in PAIRS], "gold": ["1-1 2-2", "1-1 2-1"],
             "own.py": OWN.splitlines()}  # fmt: skip
    for name, lines in files.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dipole", "align", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.mark.parametrize("given", [("a.de", "a.en"), ("one.txt",)])
@pytest.mark.parametrize("method", ["ibm1", "fast-align", "hmm"])
def test_links_are_printed(dipole, given, method):
    code, out, err = dipole(*given, "--method", method, "--symmetrise", "grow-diag")
    expected = align_words(PAIRS, method, symmetrise="grow-diag")
    assert (code, out) == (0, "".join(f"{written(links)}\n" for links in expected))
    assert "1 pair with an empty side (row 3), aligned to nothing" in err


def test_links_in_a_file_and_measures(dipole, tmp_path):
    code, out, _ = dipole("a.de", "a.en", "--gold", "gold", "--out", "links")
    assert code == 0
    assert out.startswith("wrote the links of 4 pairs to links\n2 pairs with gold links\n")
    assert (tmp_path / "links").read_text() == "0-0 1-1\n0-0 1-1\n\n0-0 1-1\n"
    code, out, _ = dipole("a.de", "a.en", "--gold", "gold", "--json")
    found = json.loads(out)
    assert (found["precision"]["value"], found["recall"]["value"]) == (0.75, 0.75)
    assert (found["AER"]["value"], found["pairs"]) == (0.25, 2)


def test_an_aligner_of_ones_own(dipole):
    code, out, _ = dipole("one.txt", "--method", "own.py:Diagonal")
    assert (code, out) == (0, "0-0 1-1\n0-0 1-1\n\n0-0 1-1\n")
    code, out, err = dipole("one.txt", "--method", "own.py:Diagonal", "--option", "shift=1")
    assert (code, out) == (2, "")
    assert "--method: Diagonal links 1 with 2 in row 1, which has 2 and 2 words" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.de"], "a.de, row 1: found no separator |||"),
        (["a.de", "gold"], "found 4 and 2 lines"),
        (["one.txt", "--method", "ibm"], "--method: found 'ibm'; did you mean 'ibm1'?"),
        (
            ["one.txt", "--method", "x"],
            "--method: found 'x'; expected one of ibm1, ",
        ),
        (["one.txt", "--symmetrise", "both"], "--symmetrise: found 'both'; expected one of"),
        (["one.txt", "--option", "pass=1"], "fast-align has no such setting"),
        (["one.txt", "--option", "passes=0"], "passes: found 0"),
        (["one.txt", "--out", "gold"], "--out gold: exists; expected the name of a new file"),
        (["one.txt", "--out", "no/x"], "no folder no"),
        (["one.txt", "--json"], "found without --gold"),
        (["one.txt", "--gold", "nope"], "nope: no such file"),
        (["one.txt", "--gold", "gold", "--first-word", "0"], "gold, row 1: found the link 2-2"),
        (["one.txt", "--gold", "gold", "--first-word", "3"], "--first-word: found 3"),
        (["one.txt", "--method", "own.py:Diagonal", "--symmetrise", "union"], "has no directions"),
    ],
)
def test_what_is_wrong_is_one_line(dipole, arguments, said):
    code, out, err = dipole(*arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert said in err.splitlines()[-1]
