"""What changes a digest: the code behind a place, and nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import dipole
from dipole.objectives import InfoNCE
from dipole.objectives.contract.registry import register
from dipole.studies import syntax
from dipole.studies.cells import Cell
from dipole.studies.digest import code_of, named, reached
from dipole.systems import code_of_system, files, recipe_places, system
from dipole.training.recipe import Recipe

DCL = "dipole.systems.vision.dcl:SYSTEM"


@pytest.fixture
def changed(monkeypatch, tmp_path):
    """changed(module, old, new): from now on the file of a module reads otherwise."""
    path_of, paths = syntax._path, {}

    def change(module, old, new):
        text = path_of(module).read_text(encoding="utf-8")
        assert old in text
        paths[module] = tmp_path / f"{module}.py"
        paths[module].write_text(text.replace(old, new), encoding="utf-8")

    monkeypatch.setattr(syntax, "_path", lambda module: paths.get(module) or path_of(module))
    return change


LOSS = ("dipole.objectives.pairs.dcl", "return reduce(", "return 0 * reduce(")


def test_an_objective_times_zero_is_another_result(changed):
    cell = Cell("dcl", 0, {"data": "stdlib-code", "objective": "dcl"}, ("retrieval",))
    before = code_of([DCL]), code_of_system("dcl"), cell.key
    changed(*LOSS)
    after = code_of([DCL]), code_of_system("dcl"), cell.key
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_a_docstring_a_comment_and_what_is_beside_it_are_not(changed):
    cell = Cell("dcl", 0, {"data": "stdlib-code", "objective": "dcl"}, ("retrieval",))
    before = code_of_system("dcl"), cell.key
    changed("dipole.objectives.pairs.dcl", '"""What a positive', '"""How much a positive')
    changed(
        "dipole.studies.measures",
        "def geometry",
        "# other\ndef unheard():\n    return 1\n\n\ndef geometry",
    )
    changed("dipole.systems.vision.dcl", "sentence=", "notes=")
    assert (code_of_system("dcl"), cell.key) == before


@pytest.mark.parametrize(
    ("system", "module", "old", "new"),
    [
        ("dcl", "dipole.studies.measures", "from dipole.evaluation.tasks.neighbours", "from mine"),
        ("dcl", "dipole.evaluation.tasks.neighbours", "NEIGHBOURS = 20", "NEIGHBOURS = 10"),
        ("dcl", "dipole.views.image", "class SimCLR(ImageView):", "class SimCLR(Other):"),
        ("dcl", "dipole.studies.benches.views", "TRAIN, TEST = 500", "TRAIN, TEST = 400"),
        ("dcl", "dipole.systems.vision.dcl", "PAPER_RATE = 0.03", "PAPER_RATE = 0.04"),
        ("esimcse", "dipole.training.parts.queue", "class Queue(Part):", "class Queue(Other):"),
        ("esimcse", "dipole.systems.text.simcse", "0.05", "0.06"),
    ],
)
def test_what_a_claim_names_decides_it(changed, system, module, old, new):
    before, other = code_of_system(system), code_of_system("siglip")
    changed(module, old, new)
    assert code_of_system(system) != before
    assert code_of_system("siglip") == other


def test_a_later_version_of_the_benches_is_another_result(monkeypatch):
    before = code_of_system("dcl")
    monkeypatch.setattr("dipole.studies.digest.BENCHES", 2)
    assert code_of_system("dcl") != before


def test_names_in_texts():
    assert named(["0.1 * dcl + infonce"]) == {
        "dipole.objectives.pairs.dcl:DCL", "dipole.objectives.pairs.infonce:InfoNCE",
    }  # fmt: skip
    assert named(["queue:size=3"]) == {"dipole.training.parts.queue:Queue"}
    assert named(["simclr*2"]) == {"dipole.views.image:SimCLR"}
    assert named(["0.1 * my.losses:Mine + dcl"]) == {
        "my.losses:Mine", "dipole.objectives.pairs.dcl:DCL",
    }  # fmt: skip
    assert named(["my.parts:Doubler:size=3"]) == {"my.parts:Doubler"}
    assert named(["0.5 * /a/my.py:Mine + dcl"]) == {
        "/a/my.py:Mine", "dipole.objectives.pairs.dcl:DCL",
    }  # fmt: skip
    assert named(["my.py:Mine:size=3"]) == {f"{Path.cwd()}/my.py:Mine"}
    assert named(["a folder"]) == set()


def test_libraries_are_none_of_it():
    assert code_of(["numpy.random:default_rng", "math:exp"]) == code_of([])


def test_an_objective_that_a_user_registers_goes_by_its_name():
    @register("own-digested", paper="", system="own-digested", form="")
    class OwnDigested(InfoNCE):
        pass

    (place,) = named(["own-digested"])
    assert place.startswith(f"{__name__}:")
    assert code_of([place]) != code_of([])


def test_code_of_a_user_is_code_too(tmp_path, monkeypatch):
    path = tmp_path / "own_digested.py"
    beside = tmp_path / "own_digested_beside.py"
    path.write_text(
        "from own_digested_beside import helper\n\n\ndef run(seed, quick):\n    return helper()\n"
    )
    beside.write_text("import numpy as np\n\n\ndef helper():\n    return np.ones(1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = code_of(["own_digested:run"])
    beside.write_text(beside.read_text() + "\n\ndef unheard():\n    return 2\n")
    assert code_of(["own_digested:run"]) == before
    beside.write_text(beside.read_text().replace("ones", "zeros"))
    assert code_of(["own_digested:run"]) != before
    assert code_of([f"{path}:run"]) != code_of([])
    assert code_of(["own_digested:elsewhere"])  # all of the file


def texts_in(thing):
    """All texts in settings, names of settings too."""
    if isinstance(thing, str):
        return {thing}
    if isinstance(thing, Recipe):
        thing = thing.settings
    if isinstance(thing, Mapping):
        thing = [*thing, *thing.values()]
    several = isinstance(thing, list | tuple | set)
    return {text for part in thing for text in texts_in(part)} if several else set()


@pytest.mark.parametrize("id", files())
def test_every_definition_that_a_system_names_by_place_is_in_it(id):
    own = system(id)
    claim = own.claim and (own.claim.settings, own.claim.arms, own.claim.measures)
    places = {
        (module, name)
        for text in texts_in([own.recipe, claim])
        for module, name in re.findall(r"(dipole\.systems\.[\w.]+):(\w+)", text)
    }
    found = reached([f"{files()[id]}:SYSTEM"], recipe_places())
    assert places <= found


@pytest.mark.parametrize("id", files())
def test_every_system_has_one_and_it_reaches_its_own_file(id):
    """Kernels, encoders and the loop are not in it."""
    found = reached([f"{files()[id]}:SYSTEM"], recipe_places())
    assert (files()[id], "SYSTEM") in found
    rooms = {re.match(r"dipole\.(\w+)", module)[1] for module, _ in found}
    assert not rooms & {"kernels", "encoders", "data", "cli"}
    assert all(Path(dipole.__file__).parent in syntax._path(m).parents for m, _ in found)


def test_no_claim_compares_with_a_recipe_whose_name_is_a_word():
    from dipole.studies.digest import _WORDS
    from dipole.systems import claimed, system

    for id in claimed():
        claim = system(id).claim
        named = {str(own.get("recipe", "")) for own in [claim.settings, *claim.arms.values()]}
        assert not named & _WORDS
