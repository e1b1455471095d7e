"""Every part, term, view and option that a recipe names does something: without it, or with
another, other weights."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives.contract.base import Sum
from dipole.systems import recipes
from dipole.training.recipe import read_recipe
from support.switch_tables import ALIKE, BESIDE, KINDS, NEEDED, NOTHING, OTHERWISE, SMALL, STILL
from support.switching import (
    GONE,
    changed,
    differ,
    instead,
    other_stages,
    places,
    small,
    trained,
)


def kind_of(name, path=""):
    """The kind of data that shows it."""
    if path.startswith("by_kind/"):
        return path.split("/")[1]
    return KINDS.get((name, path)) or KINDS.get((name, "")) or read_recipe(name)["wants"][0]


def settings_of(name):
    return changed(small(name, kind_of(name)), SMALL.get(name, {}))


def otherwise(name, path):
    other = OTHERWISE.get(name, {}).get(path)
    if other is None:
        other = instead(path, dict(places(settings_of(name)))[path])
    return other if isinstance(other, dict) and path in other else {path: other}


def said(name):
    """The places of a recipe itself."""
    recipe = changed(read_recipe(name), {})
    return [path for path, _ in places(recipe | {"stages": other_stages(recipe)})]


CASES = [(name, path) for name in recipes() for path in said(name) if (name, path) not in ALIKE]
TERMS = [(name, path) for name, path in CASES if path.startswith("objective/")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of a recipe as it is, on a kind of data."""
    found = {}

    def of(name, kind):
        if (name, kind) not in found:
            folder = tmp_path_factory.mktemp(name) / "whole"
            found[name, kind] = trained(settings_of(name), kind, folder)
        return found[name, kind]

    return of


@pytest.mark.parametrize(("name", "path"), CASES)
def test_without_it_the_weights_are_others(name, path, whole, tmp_path):
    kind, other = kind_of(name, path), otherwise(name, path)
    is_part = path.split("/")[-2:-1] == ["parts"] and other == {path: GONE}
    try:
        found = trained(changed(settings_of(name), other), kind, tmp_path / "other")
    except InputError:
        assert is_part or (name, path) in NEEDED
        return
    assert (name, path) not in NEEDED
    assert differ(whole(name, kind), found)


@pytest.mark.parametrize("name", recipes())
def test_the_same_recipe_gives_the_same_weights(name, whole, tmp_path):
    """Or the differences would say nothing."""
    kind = kind_of(name)
    assert not differ(whole(name, kind), trained(settings_of(name), kind, tmp_path / "again"))


@pytest.mark.parametrize(
    ("name", "number"), [(n, i) for n in BESIDE for i in range(len(BESIDE[n]))]
)
def test_what_a_recipe_leaves_to_others_counts(name, number, whole, tmp_path):
    changes = BESIDE[name][number]
    kind, other = kind_of(name, next(iter(changes))), changed(settings_of(name), changes)
    assert differ(whole(name, kind), trained(other, kind, tmp_path / "other"))


def test_pieces_of_a_batch_change_nothing(whole, tmp_path):
    """The place that is no part of a method: how a batch is cut."""
    settings = settings_of("grad-cache") | {"chunk": 3}
    alike(whole("grad-cache", "pairs"), trained(settings, "pairs", tmp_path / "pieces"))


@pytest.mark.parametrize("name", NOTHING)
def test_a_weight_of_0_is_absence(name, tmp_path):
    one, other = (
        trained(changed(settings_of(name), changes), kind_of(name), tmp_path / str(number))
        for number, changes in enumerate(NOTHING[name])
    )
    alike(one, other)


@pytest.mark.parametrize(("name", "path"), TERMS)
def test_a_term_of_weight_0_is_absence(name, path, tmp_path, monkeypatch):
    if (name, path) in NEEDED:
        pytest.skip("without it the recipe is no training")
    settings, other = changed(settings_of(name), STILL.get(name, {})), otherwise(name, path)
    absent = trained(changed(settings, other), kind_of(name), tmp_path / "absent")
    number, build = int(path.split("/")[1]), Sum.__init__

    def weigh(self, terms):
        build(self, [(0.0 if i == number else w, term) for i, (w, term) in enumerate(terms)])

    monkeypatch.setattr(Sum, "__init__", weigh)
    alike(absent, trained(settings, kind_of(name), tmp_path / "nothing"))


def alike(one, other):
    """The same weights, to rounding; what only one of them has stands apart."""
    for name in one.keys() & other.keys():
        torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=1e-5)
