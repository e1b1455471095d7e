"""Encoders of one's own: saved with their class, loaded by it, from Python objects too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import dipole
from dipole.data import Pairs
from dipole.encoders import Encoder, fingerprint, load_encoder, trusting_code
from dipole.encoders.own import save_encoder
from dipole.encoders.registry import make_encoder
from dipole.encoders.round_trip import check_saves
from dipole.encoders.two_towers import TwoTowers
from dipole.errors import InputError
from dipole.retrieval import Document, Index

TEXTS = ["open a file", "sort a list", "close a socket"]
PAIRS = Pairs.from_columns({"anchor": TEXTS * 4, "positive": [f"{text}!" for text in TEXTS * 4]})


class Bytes(Encoder):
    """The mean of a vector for each byte."""

    def __init__(self, dim: int = 4, tied: bool = False) -> None:
        super().__init__()
        self.dim, self.tied = dim, tied
        self.table = nn.EmbeddingBag(256, dim)
        if tied:
            self.again = self.table

    def prepare(self, inputs, role="document"):
        rows = [torch.tensor(list(text.encode())) for text in inputs]
        return {"bytes": nn.utils.rnn.pad_sequence(rows, batch_first=True)}

    def forward(self, features) -> Tensor:
        return nn.functional.normalize(self.table(features["bytes"]), dim=-1)


class Vocabulary(Bytes):
    """Made of the texts; saves itself in a way of its own, without a config."""

    def __init__(self, words: list[str], dim: int = 4) -> None:
        super().__init__(dim)
        self.words = words

    @classmethod
    def from_inputs(cls, queries, documents, *, dim: int = 4) -> Vocabulary:
        return cls(sorted({w for text in (*queries, *documents) for w in text.split()}), dim)

    def save(self, folder) -> None:
        Path(folder, "words.json").write_text(json.dumps([self.words, self.dim]))
        torch.save(self.state_dict(), Path(folder, "weights.pt"))

    @classmethod
    def load(cls, folder) -> Vocabulary:
        encoder = cls(*json.loads(Path(folder, "words.json").read_text()))
        encoder.load_state_dict(torch.load(Path(folder, "weights.pt"), weights_only=True))
        return encoder


class Broken(Bytes):
    """Its settings are no json."""

    def settings(self):
        return {"dtype": torch.float32}


@pytest.mark.parametrize("encoder", [Bytes(3), Bytes(5, tied=True), Vocabulary(["a"], 3)])
def test_an_object_that_is_trained_is_loaded_again(encoder: Encoder, tmp_path: Path) -> None:
    run = dipole.fit(PAIRS, encoder, out=tmp_path / "run", max_steps=2, show_progress=False)
    again = load_encoder(tmp_path / "run")
    assert type(again) is type(encoder)
    assert fingerprint(again) == fingerprint(run.encoder) == fingerprint(encoder)
    assert (again.encode(TEXTS) == encoder.eval().encode(TEXTS)).all()
    # The same object again goes on where the run stood.
    longer = {"max_steps": 3, "resume": True, "show_progress": False}
    assert dipole.fit(PAIRS, encoder, out=tmp_path / "run", **longer).result["step"] == 3


def test_a_class_inside_a_function_is_found_while_it_is_there(tmp_path: Path) -> None:
    class Local(Bytes):
        pass

    Local(2).save(tmp_path)
    assert type(load_encoder(tmp_path)) is Local
    code = f"import dipole.encoders as e; e.load_encoder({str(tmp_path)!r}, trust_code=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "its class" in done.stderr


def test_a_class_of_a_session_is_said_to_be_one(tmp_path: Path) -> None:
    config = {"class": "__main__:NotThere"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    message = "its class NotThere was written in a session .* expected NotThere.load"
    with pytest.raises(InputError, match=message):
        load_encoder(tmp_path)


def test_an_index_and_two_towers_name_the_class(tmp_path: Path) -> None:
    encoder = Vocabulary.from_inputs(TEXTS, TEXTS)
    documents = [Document(str(n), text) for n, text in enumerate(TEXTS)]
    Index.create(tmp_path / "index", encoder, documents)
    assert Index.open(tmp_path / "index").search("sort a list", k=1)[0].text == "sort a list"
    towers = TwoTowers(encoder, Bytes(4))
    check_saves(towers, tmp_path)
    save_encoder(towers, tmp_path / "towers")
    again = load_encoder(tmp_path / "towers")
    assert fingerprint(again) == fingerprint(towers)


def test_code_that_a_folder_names_needs_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "evil_of_own.py").write_text("import os\nos.mkdir('ran')\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"class": "evil_of_own.py:Tower"}')
    for place in ("model", Path("model")):
        with pytest.raises(InputError, match=r"model/config.json: its class is evil_of_own.py:Tow"):
            load_encoder(place)
    assert not (tmp_path / "ran").exists()
    with trusting_code(), pytest.raises(InputError, match=r"evil_of_own.py has no Tower"):
        load_encoder("model")
    assert (tmp_path / "ran").exists()


def test_an_entry_point_is_a_name_and_needs_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        f"import runpy\nfrom dipole.encoders import Encoder\nBytes = runpy.run_path({__file__!r})"
    )
    text += "['Bytes']\nclass Plugged(Bytes):\n    pass\n"
    (tmp_path / "plugged_of_own.py").write_text(text)
    (info := tmp_path / "plugged_of_own-1.0.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    entry = "[dipole.encoders]\nplugged-bytes = plugged_of_own:Plugged\n"
    (info / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(tmp_path)
    encoder = make_encoder("plugged-bytes", TEXTS, TEXTS, dim=3)
    save_encoder(encoder, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["class"] == "plugged_of_own:Plugged"
    del sys.modules["plugged_of_own"]
    assert fingerprint(load_encoder(tmp_path / "model")) == fingerprint(encoder)
    with pytest.raises(InputError, match="did you mean 'plugged-bytes'"):
        make_encoder("plugged-byte", TEXTS, TEXTS)
    del sys.modules["plugged_of_own"]


def test_options_are_those_of_from_inputs_or_of_the_constructor() -> None:
    place = f"{__name__}:"
    assert make_encoder(f"{place}Bytes", TEXTS, TEXTS, dim=3).dim == 3
    made = make_encoder(f"{place}Vocabulary", TEXTS, TEXTS, dim=3)
    assert isinstance(made, Vocabulary)
    assert made.words == ["a", "close", "file", "list", "open", "socket", "sort"]
    with pytest.raises(InputError, match="option 'words': no such setting; expected one of dim"):
        make_encoder(f"{place}Vocabulary", TEXTS, TEXTS, words=["a"])
    with pytest.raises(InputError, match="option 'dim': found 'x'; expected a whole number"):
        make_encoder(f"{place}Bytes", TEXTS, TEXTS, dim="x")


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    message = "encoder: Broken cannot be saved and loaded again: Broken: settings are no json"
    with pytest.raises(InputError, match=message):
        check_saves(Broken(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_weights_is_none(tmp_path: Path) -> None:
    Bytes(3).save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change in ({"dim": 4}, {"width": 3}):
        (tmp_path / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(InputError, match="not a saved Bytes"):
            load_encoder(tmp_path)
