"""Every part, term and setting that a recipe of images names is used: without it, other weights."""

import numpy as np
import pytest

from dipole.data import Inputs, Labeled
from dipole.training.recipe import read_recipe
from support.switching import differ, trained

SMALL = {"encoder_options": {"widths": [8], "head": 4}}
MOMENTUM = {"optimizer_options": {}}
ADAMW = {"optimizer": None, "optimizer_options": None, "learning_rate": 1e-3}
CASES = {
    "dcl": [
        {"objective": "ntxent"}, {"temperature": 0.2}, {"view": ["same"]}, MOMENTUM, ADAMW,
        {"schedule": "constant"}, {"weight_decay": 0.5},
    ],
    "macl": [
        {"objective": "ntxent", "objective_options": None}, {"temperature": 0.2},
        {"objective_options": {"alpha": 0.0}}, {"objective_options": {"threshold": 0.3}},
        {"view": ["weak"]},
    ],
    "isogclr": [
        {"objective": "sogclr", "objective_options": {"gamma": 0.8}},
        {"objective_options": {"rho": 0.4, "eta": 0.03, "beta": 0.5, "gamma": 0.5}},
        {"objective_options": {"rho": 0.4, "eta": 0.3, "beta": 0.5, "gamma": 0.8}},
        {"temperature": 0.3}, ADAMW, {"optimizer_options": {"momentum": 0.0}},
    ],
    "supcon": [
        {"objective": "ntxent"}, {"temperature": 0.2}, {"view": ["weak"]}, MOMENTUM, ADAMW,
    ],
    "align-uniform": [
        {"objective_options": {"uniformity": 0.0}}, {"objective_options": {"alignment": 0.0}},
        {"view": ["weak"]}, MOMENTUM, ADAMW,
    ],
    "kernel-infonce": [
        {"objective_options": {"gamma": 1.0, "mix": 0.0}},
        {"objective_options": {"gamma": 1.0, "mix": 1.0}},
        {"objective_options": {"gamma": 0.5, "mix": 0.5}}, {"view": ["weak"]},
    ],
    "contrastive-behaviour": [
        {"objective": "infonce", "objective_options": None},
        {"objective_options": {"share": 0.5}}, {"temperature": 0.2}, {"view": ["weak"]},
    ],
}  # fmt: skip
# What remembers every example changes what it does when it sees one again.
STEPS = {"isogclr": 6}
ONE = [(name, number) for name, cases in CASES.items() for number in range(len(cases))]


def images(name):
    """Three batches of noise, with two classes where the recipe wants some."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    if "labelled-images" in read_recipe(name)["wants"]:
        return Labeled.from_columns({"input": pixels, "label": [i % 2 for i in range(24)]})
    return Inputs.from_columns({"input": pixels})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of a recipe as it is, by its name."""
    found = {}

    def of(name):
        if name not in found:
            out = tmp_path_factory.mktemp(name) / "run"
            found[name] = trained(name, images(name), out, **SMALL, max_steps=STEPS.get(name, 3))
        return found[name]

    return of


@pytest.mark.parametrize(("name", "number"), ONE)
def test_what_the_recipe_names_is_used(name, number, whole, tmp_path):
    given = SMALL | {"max_steps": STEPS.get(name, 3)} | CASES[name][number]
    other = trained(name, images(name), tmp_path / "run", **given)
    assert differ(whole(name), other)


def test_every_part_of_mochi(tmp_path):
    queue, mixed, teacher = ({"queue": {"size": 16}}, {"mixed": {"hardest": 8}}, {"teacher": {}})
    late = {"mixed": {"hardest": 8, "after": 0.9}}
    with_anchor = {"mixed": {"hardest": 8, "with_anchor": 0}}
    found = {}
    for name, parts in {
        "mochi": [queue, mixed, teacher],
        "without": [queue, teacher],
        "late": [queue, late, teacher],
        "no anchor": [queue, with_anchor, teacher],
        "no teacher": [queue, mixed],
        "no queue": [teacher],
        "other decay": [queue, mixed, {"teacher": {"decay": 0.5}}],
    }.items():
        found[name] = trained("mochi", images("mochi"), tmp_path / name, parts=parts, **SMALL)
    values = list(found.values())
    assert all(differ(a, b) for i, a in enumerate(values) for b in values[:i])
