"""`dipole distill` writes a model that the other commands take, and refuses what it cannot do."""

import sys

import pytest

from dipole.cli import main
from dipole.encoders import StaticText, load_encoder
from support.tiny_bert import save_tiny_bert

TEXTS = ["open a file and read it", "sort a list of numbers"]


@pytest.fixture
def dipole(tmp_path, monkeypatch, capsys):
    save_tiny_bert(tmp_path / "bert", TEXTS)
    (tmp_path / "texts.csv").write_text("text\n" + "\n".join(TEXTS) + "\n")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dipole", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_a_model_is_written(dipole):
    code, out, _ = dipole("distill", "bert", "--out", "small", "--dim", "8", "--data", "texts.csv")
    assert code == 0
    assert "distilled bert into small" in out
    made = load_encoder("small")
    assert isinstance(made, StaticText)
    assert made.encode(TEXTS).shape == (2, 8)
    code, _, err = dipole("distill", "bert", "--out", "small")
    assert (code, "small: exists" in err) == (2, True)
    code, _, err = dipole("distill", "small", "--out", "smaller")
    assert (code, "found StaticText; expected a transformer" in err) == (2, True)
