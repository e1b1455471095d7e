"""Parallel texts of two files, of one and of tables give the same words."""

import gzip

import pytest

from dipole.aligning.words import read_bitext
from dipole.errors import InputError

SOURCE, TARGET = ["das Haus", "", "ein Buch"], ["the house", "x", "a book"]
WORDS = ([["das", "Haus"], [], ["ein", "Buch"]], [["the", "house"], ["x"], ["a", "book"]])


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{a} ||| {b}\n" for a, b in zip(SOURCE, TARGET, strict=True)]
    rows = "".join(f"{a},{b}\n" for a, b in zip(SOURCE, TARGET, strict=True))
    write(
        tmp_path, a_de="\n".join(SOURCE) + "\n", a_en="\n".join(TARGET) + "\n",
        one_txt="".join(lines), src_csv=f"source,target\n{rows}", two_csv=f"de,en\n{rows}",
        swapped_csv="target,n,source\n" + "".join(f"{b},1,{a}\n" for a, b in
                                                    zip(SOURCE, TARGET, strict=True)),
    )  # fmt: skip
    with gzip.open("z.txt.gz", "wt", encoding="utf-8") as file:
        file.writelines(lines)
    return tmp_path


@pytest.mark.parametrize(
    "given",
    [("a.de", "a.en"), ("one.txt",), ("z.txt.gz",), ("src.csv",), ("two.csv",), ("swapped.csv",)],
)
def test_all_forms_say_the_same(folder, given):
    found = read_bitext(*given)
    assert (list(map(list, found.source)), list(map(list, found.target))) == WORDS
    assert found.empty == [2]
    assert found.swapped().source == found.target
    assert found.lower_case().source[0] == ["das", "haus"]


def test_columns_are_named(folder):
    found = read_bitext("two.csv", source_column="en")
    assert found.source[0] == ["the", "house"]
    assert found.target[0] == ["das", "Haus"]


@pytest.mark.parametrize(
    ("given", "named", "said"),
    [
        (("a.de", "short.en"), {}, "found 3 and 1 lines; expected as many in both"),
        (("a.de",), {}, r"row 1: found no separator \|\|\|; expected source \|\|\| target"),
        (("twice.txt",), {}, "row 1: found 2 separators"),
        (("sides.txt",), {}, "found no pair with words on both sides"),
        (("a.de", "none.en"), {}, "none.en: no such file"),
        (("a.de", "src.csv"), {}, "src.csv: found a table"),
        (("a.de", "a.en"), {"source_column": "x"}, "found text files; expected one table"),
        (("src.csv",), {"source_column": "sauce"}, r"no column 'sauce' \(--source-column\)"),
        (("three.csv",), {}, "found the columns de, en, fr; expected source and target"),
        ((".",), {}, "is a folder"),
        (("bytes.txt",), {}, "row 1: found the byte 0xff"),
    ],
)
def test_what_is_wrong_is_one_line(folder, given, named, said):
    write(folder, short_en="x\n", twice_txt="a ||| b ||| c\n", sides_txt="a |||\n||| b\n",
          three_csv="de,en,fr\na,b,c\n")  # fmt: skip
    (folder / "bytes.txt").write_bytes(b"\xff ||| b\n")
    with pytest.raises(InputError, match=said):
        read_bitext(*given, **named)
