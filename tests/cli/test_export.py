"""`dipole export`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dipole.cli import main
from dipole.encoders import ConvImage, StaticText, load_encoder

Dipole = Callable[..., tuple[int, str, str]]
TEXTS = ["open a file", "close the file", "sort a list"]
# What torch's exporter warns of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def dipole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Dipole:
    monkeypatch.chdir(tmp_path)
    StaticText.from_texts(TEXTS, TEXTS, dim=16).save("run/model")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dipole", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_an_exported_run_encodes_and_is_searched(dipole: Dipole) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    code, out, err = dipole("export", "run", "--to", "onnx", "--out", "exported")
    assert (code, err) == (0, "")
    assert out.startswith("exported StaticText to exported: ")
    Path("docs.csv").write_text("text\n" + "\n".join(TEXTS) + "\n")
    assert dipole("encode", "exported", "--data", "docs.csv", "--out", "v.npy")[0] == 0
    assert np.abs(np.load("v.npy") - load_encoder("run").encode(TEXTS)).max() < 1e-4
    assert dipole("index", "exported", "--corpus", "docs.csv", "--out", "i")[0] == 0
    code, out, _ = dipole("search", "i", "sort lists", "-k", "1")
    assert (code, "sort a list" in out) == (0, True)
    code, _, err = dipole(
        "train", "--data", "docs.csv", "--recipe", "simcse", "--encoder", "exported", "--out", "r"
    )
    assert code == 2
    assert len(err.splitlines()[-1:]) == 1


def test_a_folder_for_sentence_transformers(dipole: Dipole) -> None:
    code, out, _ = dipole("export", "run", "--to", "sentence-transformers", "--out", "theirs")
    assert code == 0
    assert out.splitlines()[:2] == [
        "exported StaticText to theirs",
        'use it: SentenceTransformer("theirs", trust_remote_code=True).encode_query(["..."])',
    ]
    assert Path("theirs/static_words.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run --to tensorrt --out x", "--to tensorrt: expected onnx or sentence-transformers"),
        ("run --to sentence-transformers --int8 --out x", "--int8: is for --to onnx; found --to"),
        ("run --to onnx --out run", "--out run: exists; expected a new folder"),
        ("run --to onnx --out file/x", "--out file/x: file is a file; expected a folder"),
        ("none --to onnx --out x", "'none': no such folder"),
        ("conv --to sentence-transformers --out x", "export: found ConvImage; expected a Transf"),
    ],
)
def test_mistakes_are_one_line(dipole: Dipole, arguments: str, message: str) -> None:
    Path("file").write_text("")
    ConvImage.from_images([np.zeros((8, 8), np.uint8)], widths=[4]).save("conv")
    code, out, err = dipole("export", *arguments.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert len(err.splitlines()) == 1
    assert not Path("x").exists()
