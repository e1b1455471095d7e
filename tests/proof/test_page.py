import json
import re
from dataclasses import replace

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
        sentence="Small batches learn more.", bench="pairs",
        arms={"b": {}, "a": {"objective": "dcl"}},
        settings={"batch_size": 8}, regime="small batches.",
        primary=AtLeast("a", "b", on="MRR@10"), reported="+3 points (table 1)",
        secondary=[AtMost("error", 1e-6, every=True)],
        notes="What was tried.", lesson="Use it where batches are small.",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    base = rng.normal(50, 5, (5, 1))
    outcome = {
        "b": {"MRR@10": base, "peak memory": base},
        "a": {"MRR@10": base + rng.normal(5, 1, (5, 1)), "peak memory": base},
        "error": {"value": np.array([[1e-9], [2e-9], [1e-9]])},
    }
    system = System("dcl", "Yeh 2022", claim=claim)
    arms = {
        "b": {"objective": "infonce", "batch_size": 8},
        "a": {"objective": "dcl", "batch_size": 8},
    }
    return Proof(
        system, outcome, judge(claim.primary, outcome, delta=0.5, looks=3),
        [judge(one, outcome) for one in claim.secondary], arms,
        {"a": {"temperature": 0.1}}, rows, 3.0,
    )  # fmt: skip


def test_what_a_page_says():
    text = page_text(proof_of(), "dipole prove dcl")
    assert text.startswith("# dcl: Decoupled Contrastive Learning\n")
    assert "**holds** · [Yeh 2022](https://arxiv.org/abs/2110.06848)" in text
    assert "> Small batches learn more." in text
    assert "Use it where batches are small." in text
    assert "| MRR@10: a >= b | +" in text
    assert "its interval, of 97.8 %, is for new seeds, at 5 seeds" in text
    assert "*no difference*: within 0.5 of 0" in text
    assert "The paper: +3 points (table 1)." in text
    assert text.index("## What decides") < text.index("## Beside it") < text.index("error <= 1e-06")
    assert "every seed in [" in text
    assert "| b | " in text
    assert "| *untrained* | " in text
    assert "peak memory" not in text
    assert "[The bench pairs](../benches/pairs.md): docstrings and code" in text
    assert "Otherwise than on the bench: small batches." in text
    assert "- a: temperature 0.1" in text
    assert "SHA-256 `" in text
    assert "What was tried." in text
    assert "- raminnakhli/Decoupled-Contrastive-Learning@0b9b76d: 2 of 2 agree" in text
    assert "all: {batch_size: 8}" in text
    assert "a: {objective: dcl}" in text
    assert "`dipole prove dcl` on 20" in text
    assert "seeds 0 to 4" in text


def test_what_would_decide_is_said():
    proof = proof_of()
    values = np.array([[0.0], [4.0], [-5.0], [3.0], [1.5]])
    outcome = {"a": {"MRR@10": values}, "b": {"MRR@10": np.zeros((5, 1))}}
    undecided = judge(proof.claim.primary, outcome, delta=0.01, looks=3)
    assert undecided.verdict == "undecided"
    text = page_text(replace(proof, primary=undecided, outcome=outcome, secondary=[]), "")
    assert re.search(r"About \d+ seeds would decide it, were the margin what it is now", text)


def test_what_is_written(tmp_path):
    page = write_page(proof_of(), tmp_path / "systems", "dipole prove dcl")
    folder = page.parent
    assert page.name == "dcl.md"
    assert (folder / "dcl.png").read_bytes()[:4] == b"\x89PNG"
    assert "![dcl](dcl.png)" in page.read_text()
    result = json.loads((folder / "results.json").read_text())["dcl"]
    assert result["verdict"] == "holds"
    assert result["code"] == code_of_system("dcl")
    assert result["found"].startswith("MRR@10: a >= b: +")
    assert result["seeds"] == 5
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
