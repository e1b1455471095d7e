import json

import numpy as np

from dipole.proof.page import page_text, write_page
from dipole.proof.prove import Proof
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.verdict import judge
from dipole.systems.base import System


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
    assert "a: {objective: dcl}" in text
    assert "`dipole prove dcl` on 20" in text
    assert "seeds 0 to 2" in text


def test_what_is_written(tmp_path):
    page = write_page(proof_of(), tmp_path / "systems", "dipole prove dcl")
    folder = page.parent
    assert page.name == "dcl.md"
    assert (folder / "dcl.png").read_bytes()[:4] == b"\x89PNG"
    assert "![dcl](dcl.png)" in page.read_text()
    assert json.loads((folder / "results.json").read_text())["dcl"]["verdict"] == "holds"
    assert "| [dcl](dcl.md) | holds |" in (folder / "README.md").read_text()
