"""`dipole push`: the card of a run, a dry run, and a hub that is not there."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import yaml

import dipole
from dipole.cli import main
from dipole.encoders import ConvImage, fingerprint, load_encoder

Dipole = Callable[..., tuple[int, str, str]]
# What sentence-transformers and transformers warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = [
    {"question": f"how to {verb} a {noun}", "answer": f"{verb} {noun} like this"}
    for verb in ("open", "close", "sort", "read", "write")
    for noun in ("file", "list", "socket", "book")
]
REPORT = {
    "data": "/home/ann/test.csv", "split": None, "task": "retrieval", "items": 12, "item": "query",
    "level": 0.95, "tests": {},
    "systems": {
        "runs/first": {
            "metrics": {
                "nDCG@10": {"value": 0.61234, "low": 0.5, "high": 0.7},
                "Recall@10": {"value": 1.0, "low": None, "high": None},
            },
            "notes": [],
        },
        "bm25": {"metrics": {"nDCG@10": {"value": 0.4, "low": 0.3, "high": 0.5}}, "notes": []},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    file = folder.parent / "faq.csv"
    lines = [f"{row['question']},{row['answer']}" for row in ROWS]
    file.write_text("\n".join(["question,answer", *lines]) + "\n")
    dipole.fit(
        str(file), anchor="question", positive="answer", out=folder, max_steps=2, batch_size=8,
        encoder_options={"dim": 16}, precision="fp32",
    )  # fmt: skip
    (folder / "test.json").write_text(json.dumps(REPORT))
    seen = {"runs/first": REPORT["systems"]["runs/first"] | {"notes": ["trained on all of it"]}}
    (folder / "train.json").write_text(json.dumps(REPORT | {"systems": seen}))
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dipole:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dipole", "push", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_a_dry_run_writes_what_would_be_published(run: Dipole, trained: Path) -> None:
    code, out, _ = run(str(trained), "--to", "ann/faq", "--dry-run", "folder")
    assert code == 0
    assert out.endswith("what would be published as ann/faq; read folder/README.md\n")
    assert fingerprint(load_encoder("folder")) == fingerprint(load_encoder(trained))
    card = Path("folder/README.md").read_text(encoding="utf-8")
    _, front, text = card.split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["library_name"] == "sentence-transformers"
    (result,) = about["model-index"][0]["results"]  # not the one measured on what it was trained on
    assert result["dataset"]["name"] == "test.csv"
    assert result["metrics"][0] == {"type": "nDCG@10", "name": "nDCG@10", "value": 0.6123}
    assert text.startswith("\n# faq\n\nAn encoder (StaticText) of texts: vectors of 16 numbers")
    assert "| faq.csv | training | 20 rows | anchor: question, positive: answer |" in text
    assert "retrieval on test.csv, 12 queries, 95% bootstrap intervals:" in text
    assert "| nDCG@10 | 0.612 [0.500, 0.700] | 0.400 [0.300, 0.500] |" in text
    assert "Trained on all of it." in text
    settings = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1])  # type: ignore[index]
    assert (settings["seed"], settings["objective"]) == (0, "infonce")
    assert str(trained.parent) not in card
    assert "/home/ann" not in card


def test_the_card_says_how_to_use_the_model(
    run: Dipole, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(str(trained), "--to", "ann/faq", "--dry-run", "ann/faq")  # a folder of the hub's name
    text = Path("ann/faq/README.md").read_text(encoding="utf-8")
    ours, theirs = re.findall(r"```python\n(.*?)```", text, re.S)
    names: dict[str, Any] = {}
    exec(ours, names)
    assert names["scores"].shape == (1, 1)
    pytest.importorskip("sentence_transformers")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(Path("hf")))
    other: dict[str, Any] = {}
    exec(theirs, other)
    np.testing.assert_allclose(other["queries"], names["queries"], atol=1e-5)


def test_a_model_that_is_no_run_and_reads_images(run: Dipole) -> None:
    ConvImage.from_images([np.zeros((8, 8), np.uint8)], widths=[4]).save("conv")
    code, _, _ = run("conv", "--to", "ann/conv", "--dry-run", "out")
    assert code == 0
    text = Path("out/README.md").read_text(encoding="utf-8")
    assert "library_name: dipole\npipeline_tag: image-feature-extraction" in text
    assert "## Measures" not in text
    assert "SentenceTransformer" not in text


def test_what_is_published(run: Dipole, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    class Hub:
        def whoami(self) -> dict[str, str]:
            return {"name": "ann"}

        def create_repo(self, name: str, **options: Any) -> Any:
            sent.update(name=name, **options)
            return SimpleNamespace(repo_id=name)

        def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
            sent["files"] = sorted(p.name for p in Path(folder_path).iterdir() if p.is_file())
            if repo_id == "ann/full":
                raise OSError("the pipe is full\nof water")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("dipole.data.hub.unreachable", lambda offline: None)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "a token")
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    code, out, _ = run(str(trained), "--to", "ann/faq", "--private")
    assert (code, sent["name"], sent["private"]) == (0, "ann/faq", True)
    assert out.startswith("published ann/faq")
    assert sent["files"] == [
        "README.md", "config.json", "config_sentence_transformers.json", "model.safetensors",
        "modules.json", "static_words.py",
    ]  # fmt: skip
    code, _, err = run(str(trained), "--to", "ann/full")
    assert (code, err) == (
        1,
        "error: ann/full: not published (OSError: the pipe is full); signed in as ann; it can be "
        "repeated\n",
    )
    assert not list(trained.glob(".*"))
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    code, _, err = run(str(trained), "--to", "ann/faq")
    assert (code, err.splitlines()[-1]) == (
        2,
        "error: no token of the Hugging Face hub; expected hf auth login, HF_TOKEN, or --dry-run "
        "FOLDER",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("{run} --to ann/faq", 1, "the Hugging Face hub cannot be reached (HF_HUB_OFFLINE is set)"),
        ("none --to ann/faq --dry-run x", 2, "none: no such folder; expected a run or a model"),
        ("{run} --to a/b/c --dry-run x", 2, "--to a/b/c: Repo id must be in the form"),
        ("{run} --to ann/faq --dry-run {run}", 2, "--dry-run {run}: exists; expected a new folder"),
    ],
)
def test_mistakes_are_one_line(
    run: Dipole, trained: Path, arguments: str, code: int, message: str
) -> None:
    found, out, err = run(*arguments.format(run=trained).split())
    assert (found, out) == (code, "")
    assert err.startswith(f"error: {message.format(run=trained)}")
    assert len(err.splitlines()) == 1
