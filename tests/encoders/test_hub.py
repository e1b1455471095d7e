from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from dipole.encoders.hub import locate
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


@pytest.mark.parametrize("source", ["/nowhere/at/all", "./runs", "~/x/y/z", "a/b/c"])
def test_a_path_that_is_not_there_is_never_asked_of_the_hub(source: str) -> None:
    with pytest.raises(InputError, match="no such folder; expected a folder or a hub id"):
        locate(source)


def test_a_hub_id_is_fetched_without_pickled_weights(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def download(name: str, **options: Any) -> str:
        asked.append((name, options["allow_patterns"]))
        return str(tiny)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert locate("someone/tiny") == tiny
    name, patterns = asked[0]
    assert name == "someone/tiny"
    assert not any(p.endswith((".bin", ".pt", "*")) for p in patterns)


def test_a_hub_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **options: Any) -> str:
        raise OSError("no route to host\nand much more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(InputError, match=r"not on the Hugging Face hub .*no route to host\)$"):
        locate("someone/tiny")
