from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dipole.data import (
    data_sets,
    load_labeled,
    load_pairs,
    load_ranked,
    load_retrieval,
    load_scored,
)
from dipole.data.named import LOADERS, NAMED, locate
from dipole.errors import InputError

Write = Callable[..., Path]


def test_every_name_has_a_line() -> None:
    assert set(data_sets()) == set(NAMED)
    assert {named.kind for named in NAMED.values()} == set(LOADERS)
    assert all("\n" not in line for line in data_sets().values())


def test_paths_names_and_ids_are_told_apart(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write("digits/x.csv", "a,b\n1,2\n")
    assert locate("digits") == "digits"  # whatever lies in this folder
    assert locate("./digits") == Path("digits")
    assert locate(path) == path
    assert locate("owner/name") == "owner/name"
    assert locate("owner/name:config") == "owner/name:config"
    monkeypatch.chdir("/")
    monkeypatch.setenv("DIPOLE_DATA", str(tmp_path))
    assert locate("digits/x.csv") == path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("stdlibcode", "did you mean stdlib-code?"),
        ("fashion_mnist", "did you mean fashion-mnist?"),
        ("zzz", "expected a file, a folder, a hub id owner/name, or one of stdlib-code, digits"),
        ("trian.csv", "did you mean train.csv?"),
        ("data/train.csv", "did you mean train.csv?"),
        ("other/file.json", "expected a file, a folder, a name, or a hub id"),
        ("/nowhere/else", "expected a file, a folder"),
    ],
)
def test_an_unknown_name_gives_close_ones(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.chdir(write("train.csv", "a,b\n").parent)
    with pytest.raises(InputError) as caught:
        locate(source)
    assert str(caught.value).startswith(f"{source}: found no data set, file or folder of this name")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("load", "name", "message"),
    [
        (load_scored, "stsb", "nor on the Hugging Face hub .*; to get it: files stsb/stsb-en"),
        (load_labeled, "cifar10", "HF_HUB_OFFLINE is set.*; to get it: folders or zip files"),
        (load_retrieval, "scifact", "to get it: a BEIR folder scifact/ in DIPOLE_DATA"),
        (load_retrieval, "cranfield", "cranfield: not found on this machine; to get it: a folder"),
        (load_pairs, "digits", "found a data set of kind 'labeled' .* loaded by load_labeled"),
        (load_retrieval, "stsb", "expected 'retrieval'; it is loaded by load_scored"),
        (load_scored, "stdlib-code", "expected 'scored'; it is loaded by load_pairs"),
        (load_labeled, "stdlib-code", "expected 'labeled'; it is loaded by load_pairs"),
        (load_ranked, "stdlib-code", "expected 'ranked'; it is loaded by load_pairs"),
    ],
)
def test_a_set_that_is_not_there_or_of_another_kind(
    offline: object, load: Callable[[str], object], name: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [None, 5, [("a", "b")]])
def test_what_is_no_source(source: object) -> None:
    with pytest.raises(InputError, match=r"^data: found .*; expected a file, a folder, a name"):
        locate(source)  # type: ignore[arg-type]
