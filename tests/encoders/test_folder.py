from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dipole.encoders.folder import (
    check_weights,
    contents,
    read_json,
    read_weights,
    require,
    write_json,
    write_weights,
)
from dipole.errors import InputError


def test_contents_are_short(tmp_path: Path) -> None:
    assert contents(tmp_path) == "nothing"
    (tmp_path / "model").mkdir()
    (tmp_path / "a.json").touch()
    assert contents(tmp_path) == "a.json, model/"
    assert contents(tmp_path, limit=1) == "a.json and 1 more"


def test_require_names_what_is_missing_and_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    assert require(tmp_path, "a", "b") == tmp_path / "b"
    with pytest.raises(InputError, match=r"no c or d; the folder holds b$"):
        require(tmp_path, "c", "d")


def test_json_comes_back(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "x.json", {"prompt": "für: "})
    assert read_json(tmp_path / "new" / "x.json") == {"prompt": "für: "}


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{}"])
def test_broken_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.json: not json"):
        read_json(tmp_path / "x.json")


def test_weights_come_back(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 4).T, "b": torch.tensor(2.0)}
    write_weights(tmp_path / "w.safetensors", weights)
    check_weights(tmp_path / "w.safetensors")
    back = read_weights(tmp_path / "w.safetensors")
    assert all(torch.equal(back[k], weights[k]) for k in weights)


@pytest.mark.parametrize("read", [read_weights, check_weights])
@pytest.mark.parametrize("keep", [0, 5, -1])
def test_cut_weights_are_named(tmp_path: Path, keep: int, read: object) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(path, {"a": torch.zeros(10)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"w\.safetensors: not a whole safetensors file"):
        read(path)  # type: ignore[operator]


@pytest.mark.parametrize("read", [read_weights, check_weights, read_json])
def test_a_missing_file_is_named(tmp_path: Path, read: object) -> None:
    with pytest.raises(InputError, match="gone"):
        read(tmp_path / "gone")  # type: ignore[operator]
