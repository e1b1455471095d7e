import importlib
import json
from dataclasses import replace

import numpy as np
import pytest

from dipole.errors import InputError, RunError
from dipole.proof import prove as module
from dipole.proof import tuned
from dipole.proof.needs import MissingError
from dipole.proof.prove import arms_of, cells_of, delta_of, prove
from dipole.studies.bench import Numbers
from dipole.studies.cells import Cell
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.running import FAILED, Row, run_study
from dipole.systems.base import System
from dipole.training.recipe import Recipe
from support.faults import every_death
from support.studies import SMALL

CALLS = []
HERE = "support.studies"
RECIPE = Recipe(objective="dcl", temperature=0.5, batch_size=4096, learning_rate=7.0)


def experiment(seed, quick):
    CALLS.append((seed, quick))
    return {"gap": 1.0 + 0.1 * (seed % 3), "error": 1e-9}


def derive(outcome):
    return {"twice": 2 * outcome["gap"]["value"][:, 0]}


CLAIM = Claim(
    sentence="It holds.",
    experiment=experiment,
    derive=derive,
    primary=AtLeast("gap", 0.5),
    secondary=[AtMost("error", 1e-6, every=True), AtLeast("twice", "gap", by=0.5)],
)


def system(claim=CLAIM):
    return System("dcl", "someone", recipe=RECIPE, claim=claim)


def test_an_experiment_is_called_once_per_seed_and_judged(tmp_path):
    CALLS.clear()
    proof = prove(system(), root=tmp_path)
    assert [seed for seed, _ in CALLS] == [0, 1, 2, 3, 4]
    assert proof.verdict == "holds"
    assert [one.verdict for one in proof.secondary] == ["holds", "holds"]
    assert proof.outcome["twice"]["value"][:3] == pytest.approx(np.array([[2.0], [2.2], [2.4]]))
    assert prove(system(), root=tmp_path).verdict == "holds"
    assert len(CALLS) == 5  # kept
    prove(system(), root=tmp_path, quick=True)
    assert CALLS[5:] == [(0, True)]


def test_it_is_looked_at_until_it_is_decided_and_no_further(tmp_path):
    def noisy(seed, quick):
        CALLS.append(seed)
        return {"gap": float(np.random.default_rng(seed).normal())}

    for delta, seeds in ((None, 20), (50.0, 5)):
        CALLS.clear()
        claim = Claim("", AtLeast("gap", 0.0), experiment=noisy, delta=delta)
        proof = prove(system(claim), root=tmp_path / str(delta))
        assert proof.primary.seeds == len(CALLS) == seeds
        assert proof.verdict == ("undecided" if delta is None else "no difference")
    CALLS.clear()
    identity = Claim("", AtLeast("gap", -9.0, every=True), experiment=noisy)
    assert prove(system(identity), root=tmp_path / "identity").primary.seeds == 5


def trained(bench="SMALL", **more):
    return Claim(
        sentence="", bench=f"{HERE}:{bench}",
        arms={
            "cold": {},
            "warm": {"temperature": 0.5, "max_steps": 3},
            "another": {"objective": "siglip"},
        },
        primary=AtLeast("cold", "warm", on="MRR@10"), **more,
    )  # fmt: skip


def test_an_arm_is_the_recipe_on_the_bench_and_a_difference():
    claim = trained(settings={"batch_size": 8}, regime="small batches")
    arms = arms_of(system(claim))
    assert arms["cold"]["objective"] == arms["warm"]["objective"] == "dcl"
    assert arms["cold"]["temperature"] == 0.5
    assert "learning_rate" not in arms["cold"]  # the bench's
    assert (arms["cold"]["batch_size"], arms["cold"]["max_steps"]) == (8, 2)
    assert arms["warm"]["max_steps"] == 3
    assert arms["another"]["objective"] == "siglip"
    other = replace(claim, arms={"cold": {"recipe": "supcon", "objective_options": {}}})
    assert arms_of(system(other))["cold"]["objective"] == "supcon"


def test_cells_are_every_arm_at_every_seed():
    claim = trained()
    arms = arms_of(system(claim))
    cells = cells_of(claim, arms, 2)
    assert [(c.arm, c.seed) for c in cells[:4]] == [
        ("cold", 0), ("warm", 0), ("another", 0), ("cold", 1),
    ]  # fmt: skip
    assert [cell.budget for cell in cells[:2]] == [{"max_steps": 2}, {"max_steps": 3}]
    assert {cell.fold for cell in cells} == {None}
    folded = cells_of(trained("FOLDED"), arms_of(system(trained("FOLDED"))), 2)
    assert [cell.fold for cell in folded] == [0, 0, 0, 1, 1, 1]
    assert len({cell.key for cell in (*cells, *folded)}) == 12


def test_arms_are_trained_and_paired(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "QUICK_SEEDS", 2)
    proof = prove(system(trained()), root=tmp_path, quick=True)
    assert proof.outcome["cold"]["MRR@10"].shape == (2, 10)
    assert len(proof.rows) == 6
    assert proof.primary.seeds == 2
    folded = prove(system(trained("FOLDED")), root=tmp_path, quick=True)
    assert folded.outcome["cold"]["MRR@10"].shape == (2, 1)  # every seed has items of its own


def test_later_looks_train_the_arms_that_decide_alone(tmp_path, monkeypatch):
    looked = []

    def judged(inequality, outcome, **how):
        looked.append({arm: len(found["MRR@10"]) for arm, found in outcome.items()})
        found = real(inequality, outcome, **how)
        return replace(found, verdict="undecided")

    real = module.judge
    monkeypatch.setattr(module, "judge", judged)
    prove(system(trained(looks=[5, 10])), root=tmp_path, jobs=2)
    assert looked == [
        {"cold": 5, "warm": 5, "another": 5}, {"another": 5, "cold": 10, "warm": 10},
    ]  # fmt: skip


def test_an_experiment_that_decides_nothing_is_called_at_the_first_look(tmp_path, monkeypatch):
    real = module.judge
    monkeypatch.setattr(
        module, "judge", lambda *more, **how: replace(real(*more, **how), verdict="undecided")
    )
    CALLS.clear()
    claim = trained(looks=[5, 10], experiment=experiment, secondary=[AtLeast("gap", 0.0)])
    proof = prove(system(claim), root=tmp_path, jobs=2)
    assert len(CALLS) == 5
    assert (proof.primary.seeds, proof.secondary[0].seeds) == (10, 5)


def test_folds_are_only_so_many(tmp_path):
    with pytest.raises(InputError, match="2 folds, and no look at so few seeds"):
        prove(system(trained("TWO")), root=tmp_path)


def test_each_arm_takes_the_value_that_suits_it(tmp_path):
    claim = trained(tuned={"temperature": [0.05, 5.0]}, looks=[5])
    proof = prove(system(claim), root=tmp_path, jobs=2)
    assert proof.tuned.keys() == claim.arms.keys()
    for arm, values in proof.tuned.items():
        assert values["temperature"] in (0.05, 5.0)
        assert proof.arms[arm]["temperature"] == values["temperature"]


def test_delta_is_the_benchs_for_its_metric_alone():
    assert delta_of(trained()) == 1.0
    assert delta_of(trained(delta=3.0)) == 3.0
    assert delta_of(replace(trained(), primary=AtLeast("cold", "warm", on="nDCG@10"))) is None
    assert delta_of(CLAIM) is None


@pytest.mark.parametrize(
    ("name", "own", "fold", "test"),
    [
        ("SMALL", {}, None, "0.2"),
        ("FOLDED", {}, 5, None),
        ("SMALL", {"tuned_on": SMALL.data}, None, SMALL.data),
    ],
)
def test_settings_are_tuned_on_rows_that_judge_nothing(
    name, own, fold, test, tmp_path, monkeypatch
):
    seen = []

    def watched(cells, *more, **how):
        seen.extend(cells)
        return run_study(cells, *more, **how)

    monkeypatch.setattr(tuned, "run_study", watched)
    claim = trained(name, tuned={"temperature": [0.05, 5.0]}, **own)
    arms, chosen = tuned.tuned_arms(claim, arms_of(system(claim)), tmp_path, jobs=0)
    assert {(cell.fold, cell.test) for cell in seen} == {(fold, test)}
    judged = cells_of(claim, arms, 5)
    assert not {cell.seed for cell in seen} & {cell.seed for cell in judged}
    assert fold not in {cell.fold for cell in judged if cell.fold is not None}
    assert chosen.keys() == claim.arms.keys()


def numbers(untrained, trained=None):
    trained = untrained + 20.0 if trained is None else trained
    return {f"{HERE}:SMALL": Numbers(1.0, untrained, trained, 99.0, 1.0, 1.0, 1.0, 5, "", "")}


def test_a_bench_without_room_decides_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "numbers", lambda: numbers(0.0, trained=9.0))
    found = prove(system(trained(looks=[5])), root=tmp_path, jobs=2).primary
    assert (found.verdict, found.why) == (
        "undecided", f"the bench {HERE}:SMALL has too little room",
    )  # fmt: skip


def test_a_full_budget_is_there_or_refused(tmp_path):
    with pytest.raises(MissingError, match="SMALL has no full budget; leave it out"):
        prove(system(trained()), full=True, root=tmp_path)
    with pytest.raises(MissingError, match="a claim without a bench has no full budget"):
        prove(system(), full=True, root=tmp_path)


def test_a_baseline_that_learnt_nothing_decides_nothing(tmp_path, monkeypatch):
    claim = trained(looks=[5])
    monkeypatch.setattr(module, "numbers", lambda: numbers(101.0))
    found = prove(system(claim), root=tmp_path, jobs=2).primary
    assert found.verdict == "undecided"
    assert found.why.startswith("no headroom: warm has ")
    monkeypatch.setattr(module, "numbers", lambda: numbers(0.0))
    assert "headroom" not in prove(system(claim), root=tmp_path).primary.why


def test_a_claim_with_data_of_its_own_has_an_untrained_tower_of_its_own(tmp_path, monkeypatch):
    """The bench's number is of other data: the baseline's tower is measured before its training."""
    claim = trained(looks=[5])
    own = replace(claim, settings={"data": SMALL.data}, regime="the same data by name")
    monkeypatch.setattr(module, "numbers", lambda: numbers(101.0))
    proof = prove(system(own), root=tmp_path, jobs=2)
    (arm,) = proof.untrained
    assert arm == "warm"
    before = proof.untrained[arm]["MRR@10"]
    assert 0 < before < 100
    trained_to = proof.outcome["warm"]["MRR@10"].mean()
    assert proof.primary.why.startswith("no headroom: warm has ") == (trained_to <= before)
    kept = list((tmp_path / "untrained").iterdir())
    assert len(kept) == 1
    kept[0].write_text(json.dumps({"MRR@10": 101.0}))
    found = prove(system(own), root=tmp_path).primary
    assert found.why == f"no headroom: warm has {trained_to:.1f}, an untrained tower 101.0"
    assert prove(system(own), root=tmp_path, quick=True).untrained == {}


def test_nothing_is_reversed_that_nobody_compared(tmp_path):
    def worse(seed, quick):
        return {"gap": -1.0 - 0.1 * (seed % 3)}

    claim = Claim("", AtLeast("gap", 0.0), experiment=worse)
    assert prove(system(claim), root=tmp_path).verdict == "reversed"  # dcl has parity
    unknown = System("nobodys", "someone", claim=claim)
    found = prove(unknown, root=tmp_path).primary
    assert found.verdict == "undecided"
    assert "nothing is compared with the authors' code" in found.why


def test_an_arm_that_fails_is_said(tmp_path, monkeypatch):
    def failing(cells, *_, **__):
        return [Row(cell, tmp_path, FAILED, error="the loss is nan") for cell in cells]

    monkeypatch.setattr(module, "run_study", failing)
    with pytest.raises(RunError, match="cold, seed 0: the loss is nan"):
        prove(system(trained()), root=tmp_path)


def test_a_system_without_a_claim_has_nothing_to_prove(tmp_path):
    with pytest.raises(InputError, match="claim: dcl has none"):
        prove(system(None), root=tmp_path)


def test_an_experiment_that_fails_is_one_line(tmp_path):
    def broken(seed, quick):
        return {"gap": 1 / seed}

    with pytest.raises(RunError, match=r"experiment, seed 0: ZeroDivisionError: .*test_prove.py:"):
        prove(system(replace(CLAIM, experiment=broken, derive=None, secondary=[])), root=tmp_path)


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
    claim = replace(CLAIM, experiment=mine.experiment, derive=None, looks=[5], secondary=[])

    def key():
        settings = {"data": "stdlib-code", "objective": "own_proof_of_a_changed_loss:Mine"}
        return Cell("mine", 0, settings, ("retrieval",)).key

    def called():
        mine.CALLS.clear()
        prove(system(claim), root=tmp_path / "runs")
        return mine.CALLS, key()

    calls, first = called()
    assert calls == [0, 1, 2, 3, 4]
    for old, new, again in (
        ("The loss.", "The loss of the paper.", []),
        ("How it is measured.", "What is measured.", []),
        ("return super()", "return 0 * super()", [0, 1, 2, 3, 4]),
    ):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        calls, now = called()
        assert calls == again
        assert (now != first) == bool(again)
