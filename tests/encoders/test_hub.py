from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from dipole.encoders import hub as encoder_hub
from dipole.encoders.hub import locate
from dipole.encoders.trust import trusting_code
from dipole.errors import InputError


def test_a_folder_is_itself(tiny: Path) -> None:
    assert locate(tiny) == tiny
    assert locate(str(tiny)) == tiny


def test_a_run_gives_its_model_even_beside_a_config_of_its_own(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "model").symlink_to(tiny)
    (tmp_path / "config.json").write_text("{}")
    assert locate(tmp_path) == tmp_path / "model"


def test_a_folder_without_an_encoder_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(InputError, match=r"no encoder here; expected .*holds metrics\.jsonl$"):
        locate(tmp_path)


def test_a_file_is_no_encoder(tmp_path: Path) -> None:
    (tmp_path / "x.csv").touch()
    with pytest.raises(InputError, match=r"x\.csv: a file; expected the folder"):
        locate(tmp_path / "x.csv")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder in which a run `runs/first` lies; the hub may not be asked."""
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)

    def asked(name: str, **options: Any) -> str:
        raise AssertionError(f"the hub was asked for {name}")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", asked)
    return tmp_path


@pytest.mark.parametrize(
    "source",
    [
        "/nowhere/at/all",
        "./nowhere",
        "../nowhere/x",
        "~/x/y/z",
        "a/b/c",
        "runs/frist",
        "outs/",
        "models/minilm",
        "model.safetensors",
        "someone/model.bin",
        "nowhere.index",
        ".hidden",
        "c:\\models\\x",
        Path("someone/tiny"),
    ],
    ids=str,
)
def test_a_path_that_is_not_there_is_never_asked_of_the_hub(here: Path, source: Any) -> None:
    with pytest.raises(InputError, match=r"no such folder.*; expected a folder or a hub id") as e:
        locate(source)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("source", ["", None, 3])
def test_a_name_that_is_none(here: Path, source: Any) -> None:
    with pytest.raises(InputError, match="expected the name of a folder, a run or a hub id"):
        locate(source)


def test_near_names_are_said(here: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder \(did you mean runs/first\?\)"):
        locate("runs/frist")
    with pytest.raises(InputError, match=r"no such folder \(nothing/here is not there either\)"):
        locate("./nothing/here/model")


def test_asking_the_hub_is_said(
    tiny: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(tiny))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(encoder_hub, "unreachable", lambda offline: None)
    locate("someone/said")
    said = capsys.readouterr().err
    assert said == "note: asking the Hugging Face hub for model 'someone/said'\n"


def test_a_hub_that_cannot_be_reached_is_one_line_at_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"not on the Hugging Face hub \(127\.0\.0\.1: ") as caught:
        locate("someone/tiny")
    assert "\n" not in str(caught.value)


def test_a_hub_id_is_fetched_without_pickled_weights(
    tiny: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def download(name: str, **options: Any) -> str:
        asked.append((name, options["allow_patterns"]))
        return str(tiny)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert locate("someone/tiny") == tiny
    name, patterns = asked[0]
    assert name == "someone/tiny"
    assert not any(p.endswith((".bin", ".pt", ".py", "*")) for p in patterns)
    with trusting_code():
        locate("someone/tiny")
    assert asked[1][1] == [*patterns, "*.py"]


def test_a_hub_that_does_not_answer_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(name: str, **options: Any) -> str:
        raise OSError("no route to host\nand much more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(InputError, match=r"not on the Hugging Face hub .*no route to host\)$"):
        locate("someone/tiny")
