from __future__ import annotations

from pathlib import Path

import pytest

from dipole.data import load_pairs
from dipole.data.paths import looks_like_path, missing
from dipole.errors import InputError


@pytest.mark.parametrize(
    ("name", "is_path"),
    [
        ("owner/name", False),
        ("owner/name:config", False),
        ("bert-base-uncased", False),
        ("BAAI/bge-small-en-v1.5", False),
        ("owner/data.v2", False),
        ("data/pairs.csv", True),
        ("pairs.JSONL", True),
        ("runs/first", True),
        ("here/name", True),
        ("here", False),  # a bare name may be a model of the hub
        ("./here", True),
        ("a/b/c", True),
        ("~me/x", True),
        ("owner/", True),
    ],
)
def test_what_looks_like_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_path: bool
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert looks_like_path(name) is is_path
    assert looks_like_path(Path(name))


def test_near_names(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").touch()
    assert missing(tmp_path / "paris.csv") == f" (did you mean {tmp_path / 'pairs.csv'}?)"
    assert missing(tmp_path / "zzz") == ""
    assert missing(tmp_path / "no" / "x") == f" ({tmp_path / 'no'} is not there either)"


def test_a_mistyped_data_set_beside_others_is_not_asked_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sets" / "pairs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"sets/paris: found no .*; did you mean sets/pairs\?"):
        load_pairs("sets/paris")
