import json

import numpy as np

from dipole.proof.page import page_text, write_page, write_table
from dipole.proof.prove import Proof
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.verdict import judge
from dipole.systems import code_of_system, results
from dipole.systems.base import System
from dipole.systems.catalogue import states
from dipole.systems.results import Result, write_result


def proof_of(rows=()):
    claim = Claim(
        sentence="Small batches learn more.", seeds=3,
        data="stdlib-code", arms={"b": {}, "a": {"objective": "dcl"}}, measures=["retrieval"],
        holds=[AtLeast("a", "b", by=1.0, on="acc"), AtMost("error", 1e-6, every=True)],
        notes="What was tried.",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    base = rng.normal(50, 5, (3, 50))
    outcome = {
        "b": {"acc": base},
        "a": {"acc": base + rng.normal(5, 1, (3, 50))},
        "error": {"value": np.array([[1e-9], [2e-9], [1e-9]])},
    }
    system, verdicts = System("dcl", "Yeh 2022"), [judge(i, outcome) for i in claim.holds]
    return Proof(system, claim, outcome, verdicts, rows, 3.0)


def test_what_a_page_says():
    text = page_text(proof_of(), "dipole prove dcl")
    assert text.startswith("# dcl: Decoupled Contrastive Learning\n")
    assert "**holds** · [Yeh 2022](https://arxiv.org/abs/2110.06848)" in text
    assert "> Small batches learn more." in text
    assert "| acc: a >= b + 1 | +" in text
    assert "| error <= 1e-06 | +" in text
    assert "every seed in [" in text
    assert "| b | " in text
    assert "What was tried." in text
    assert "- raminnakhli/Decoupled-Contrastive-Learning@0b9b76d: 2 of 2 agree" in text
    assert "a: {objective: dcl}" in text
    assert "`dipole prove dcl` on 20" in text
    assert "seeds 0 to 2" in text


def test_what_is_written(tmp_path):
    page = write_page(proof_of(), tmp_path / "systems", "dipole prove dcl")
    folder = page.parent
    assert page.name == "dcl.md"
    assert (folder / "dcl.png").read_bytes()[:4] == b"\x89PNG"
    assert "![dcl](dcl.png)" in page.read_text()
    result = json.loads((folder / "results.json").read_text())["dcl"]
    assert result["verdict"] == "holds"
    assert result["code"] == code_of_system("dcl")
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        "dcl.md", "dcl.png", "results.json",
    ]  # fmt: skip


def test_a_page_says_that_it_is_stale_as_long_as_it_is(tmp_path):
    page, path = write_page(proof_of(), tmp_path, "dipole prove dcl"), tmp_path / "results.json"
    fresh = page.read_text()
    write_table(tmp_path / "README.md", states(tmp_path))
    assert page.read_text() == fresh
    code = code_of_system("dcl")
    for digest, stale in (("old", True), ("older", True), (code, False)):
        write_result(path, "dcl", Result("holds", code=digest))
        write_table(tmp_path / "README.md", states(tmp_path))
        assert (page.read_text() != fresh) == stale
        assert page.read_text().count("*Stale: the code that decides this has changed") == stale


def test_what_is_proved_in_the_docs_of_a_checkout_ships(tmp_path, monkeypatch):
    package, docs = tmp_path / "src" / "dipole" / "systems", tmp_path / "docs" / "systems"
    package.mkdir(parents=True)
    docs.mkdir(parents=True)
    monkeypatch.setattr(results, "_PACKAGE", package)
    write_page(proof_of(), docs, "dipole prove dcl")
    assert json.loads((package / "results.json").read_text())["dcl"]["verdict"] == "holds"
    assert sorted(path.name for path in docs.iterdir()) == ["README.md", "dcl.md", "dcl.png"]
    assert "| [dcl](dcl.md) | holds |" in (docs / "README.md").read_text()
    (state,) = states(ids=["dcl"])
    assert state.shown == "holds"
    assert state.here is None
