import importlib
from dataclasses import replace

import numpy as np
import pytest

from dipole.errors import InputError, RunError
from dipole.proof import prove as module
from dipole.proof.prove import QUICK_SEEDS, cells_of, prove
from dipole.studies.cells import Cell
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.running import FAILED, Row
from dipole.systems.base import System
from support.faults import every_death

CALLS = []


def experiment(seed, quick):
    CALLS.append((seed, quick))
    return {"gap": 1.0 + 0.1 * seed, "error": 1e-9}


def derive(outcome):
    return {"twice": 2 * outcome["gap"]["value"][:, 0]}


CLAIM = Claim(
    sentence="It holds.",
    experiment=experiment,
    derive=derive,
    seeds=3,
    holds=[
        AtLeast("gap", 0.5),
        AtMost("error", 1e-6, every=True),
        AtLeast("twice", "gap", by=0.5),
    ],
)


def system(claim=CLAIM):
    return System("dcl", "someone", claim=claim)


def test_an_experiment_is_called_once_per_seed_and_judged(tmp_path):
    CALLS.clear()
    proof = prove(system(), root=tmp_path)
    assert [seed for seed, _ in CALLS] == [0, 1, 2]
    assert proof.verdict == "holds"
    assert proof.outcome["twice"]["value"] == pytest.approx(np.array([[2.0], [2.2], [2.4]]))
    assert prove(system(), root=tmp_path).verdict == "holds"
    assert len(CALLS) == 3  # kept
    quick = prove(system(), root=tmp_path, quick=True)
    assert quick.claim.seeds == QUICK_SEEDS
    assert CALLS[3:] == [(0, True), (1, True)]


def trained(settings, **more):
    arms = {"warm": {"temperature": 0.5}, "cold": {"temperature": 0.05, "epochs": 3}}
    data = settings.pop("data")
    return Claim(
        sentence="", data=data, arms=arms, measures=["retrieval"],
        settings=settings, seeds=2, budget="2steps", holds=[AtLeast("cold", "warm", on="MRR@10")],
        **more,
    )  # fmt: skip


def test_cells_are_every_arm_at_every_seed(settings):
    claim = trained(dict(settings), quick={"batch_size": 4})
    cells = cells_of(claim)
    assert [(c.arm, c.seed) for c in cells] == [("warm", 0), ("cold", 0), ("warm", 1), ("cold", 1)]
    assert cells[0].budget is None
    assert cells[1].budget == {"epochs": 3}
    assert cells[1].settings["temperature"] == 0.05
    assert cells[1].settings["batch_size"] == 16
    quick = cells_of(claim, quick=True)
    assert quick[1].budget is None
    assert quick[1].settings["batch_size"] == 4


def test_arms_are_trained_and_paired(settings, tmp_path):
    proof = prove(system(trained(dict(settings))), root=tmp_path, quick=True)
    assert proof.outcome["cold"]["MRR@10"].shape == proof.outcome["warm"]["MRR@10"].shape
    assert len(proof.rows) == 4
    assert proof.verdicts[0].seeds == 2


def test_an_arm_that_fails_is_said(settings, tmp_path, monkeypatch):
    def failing(cells, *_, **__):
        return [Row(cell, tmp_path, FAILED, error="the loss is nan") for cell in cells]

    monkeypatch.setattr(module, "run_study", failing)
    with pytest.raises(RunError, match="warm, seed 0: the loss is nan"):
        prove(system(trained(dict(settings))), root=tmp_path)


def test_a_system_without_a_claim_has_nothing_to_prove(tmp_path):
    with pytest.raises(InputError, match="claim: dcl has none"):
        prove(system(None), root=tmp_path)


def test_an_experiment_that_fails_is_one_line(tmp_path):
    def broken(seed, quick):
        return {"gap": 1 / seed}

    with pytest.raises(RunError, match=r"experiment, seed 0: ZeroDivisionError: .*test_prove.py:"):
        prove(system(replace(CLAIM, experiment=broken, derive=None)), root=tmp_path)


def test_an_experiment_killed_at_any_file_operation(tmp_path):
    """A seed that is kept is not called again; what is half written is no seed."""
    whole = prove(system(), root=tmp_path / "whole").outcome

    def check(name):
        outcome = prove(system(), root=tmp_path / name).outcome
        for arm in whole:
            assert all((outcome[arm][m] == whole[arm][m]).all() for m in whole[arm]), name

    assert every_death(lambda name: prove(system(), root=tmp_path / name), check) > 5


MINE = '''"""A system of one's own."""

from dipole.objectives import InfoNCE

CALLS = []


class Mine(InfoNCE):
    """The loss."""

    def forward(self, anchor, positive):
        """The maths."""
        return super().forward(anchor, positive)


def experiment(seed, quick):
    """How it is measured."""
    CALLS.append(seed)
    return {"gap": 1.0 if Mine else 0.0}
'''


def test_seeds_of_code_that_changed_are_never_judged(tmp_path, monkeypatch):
    """A loss times 0 is another experiment and another run; one that is explained anew is not."""
    path = tmp_path / "own_proof_of_a_changed_loss.py"
    path.write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    mine = importlib.import_module(path.stem)
    claim = replace(CLAIM, experiment=mine.experiment, derive=None, seeds=2, holds=CLAIM.holds[:1])

    def key():
        settings = {"data": "stdlib-code", "objective": "own_proof_of_a_changed_loss:Mine"}
        return Cell("mine", 0, settings, ("retrieval",)).key

    def called():
        mine.CALLS.clear()
        prove(system(claim), root=tmp_path / "runs")
        return mine.CALLS, key()

    calls, first = called()
    assert calls == [0, 1]
    for old, new, again in (
        ("The loss.", "The loss of the paper.", []),
        ("How it is measured.", "What is measured.", []),
        ("return super()", "return 0 * super()", [0, 1]),
    ):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        calls, now = called()
        assert calls == again
        assert (now != first) == bool(again)
