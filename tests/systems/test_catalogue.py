import importlib
import itertools
import json
import sys
from types import SimpleNamespace

import pytest

from dipole.errors import InputError
from dipole.objectives.contract.registry import OBJECTIVES, objective_class
from dipole.studies.verdict import VERDICTS
from dipole.systems import code_of_system, files, system
from dipole.systems.base import System
from dipole.systems.catalogue import built_parts, entries, entry_of, states, table_page
from dipole.systems.results import (
    Result,
    docs_folder,
    is_stale,
    read_results,
    results_file,
    shipped,
    write_result,
)

# The losses that were asked for, by the id of their system.
ASKED = {
    "supcon",
    "dcl",
    "mv-dhel",
    "poly-view",
    "kernel-infonce",
    "macl",
    "isogclr",
    "cacr",
    "cwcl",
    "csgcl",
    "gcl-marqo",
    "dclr",
    "diht",
    "mochi",
    "debcse",
    "clusterns",
    "esimcse",
    "moco-dual-hard",
    "degla",
    "ro-vit",
    "softmask-vl",
    "kalm-embedding-v2",
    "contrastive-gap",
    "gml-long-tail",
    "amcl",
    "hydra",
    "siglip",
    "multi-similarity",
    "promcse",
    "proto-triplet-icnn",
    "align-uniform",
    "ssl-generalization",
    "swav",
    "whitenedcse",
    "clip-rocket",
    "codiemb",
    "sycl",
    "groco",
    "ranking-sentence-gen",
    "cadet",
    "dse",
    "supremix",
    "metrix",
    "clrcmd",
    "sparc",
    "gram",
}


def test_nothing_asked_for_is_missing():
    """Each has an objective, a recipe, a place or a claim that trains with it."""
    assert not [id for id in sorted(ASKED) if not built_parts().get(id)]


def test_a_file_without_a_line_in_the_list_is_a_system(monkeypatch):
    monkeypatch.setitem(files(), "mine", "dipole.systems.vision.mine")
    mine = System("mine", "Me 2026, My paper, arXiv 2601.00001", place="math:exp")
    monkeypatch.setitem(sys.modules, "dipole.systems.vision.mine", SimpleNamespace(SYSTEM=mine))
    caches = entries, built_parts
    for cached in caches:
        cached.cache_clear()
    try:
        assert entry_of("mine").paper == "https://arxiv.org/abs/2601.00001"
        found = states()
        (state,) = (state for state in found if state.id == "mine")
        assert (state.group, state.state, state.parts) == ("vision", "built", ("math:exp",))
        groups = [state.group for state in found]
        assert len(list(itertools.groupby(groups))) == 6
    finally:
        for cached in caches:
            cached.cache_clear()


def test_a_file_that_has_no_system_or_another_is_said(monkeypatch):
    for content, message in (
        ({}, "dipole.systems.vision.mine: found no SYSTEM; expected SYSTEM = System.id='mine'"),
        ({"SYSTEM": system("dcl")}, "found the system 'dcl'; expected SYSTEM"),
    ):
        monkeypatch.setitem(files(), "mine", "dipole.systems.vision.mine")
        made = SimpleNamespace(**content)
        monkeypatch.setitem(sys.modules, "dipole.systems.vision.mine", made)
        with pytest.raises(InputError, match=message):
            system("mine")


def test_all_systems_are_listed():
    assert len(entries()) >= 260
    assert {s.group for s in entries().values()} == {
        "text", "retrieval", "vision", "vision_language", "domains", "language_models",
    }  # fmt: skip
    assert entry_of("dcl").arxiv == "2110.06848"
    assert all(s.title for s in entries().values())


@pytest.mark.parametrize("id", files())
def test_a_file_is_a_system_of_the_list(id):
    """Its name is its id, its room its group; a place that it names is there."""
    own = system(id)
    assert own.id == id
    assert files()[id].split(".")[2] == entry_of(id).group
    if own.place:
        module, _, name = own.place.partition(":")
        getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_is_of_a_system_of_the_list(name):
    assert objective_class(name).system in {*entries(), name}


def test_unknown_ids_get_a_hint():
    with pytest.raises(InputError, match="simcse"):
        entry_of("simsce")


def test_states(tmp_path):
    path = tmp_path / "results.json"
    write_result(path, "siglip", Result("does not hold", "2026-01-01", "0.1.0", "another"))
    write_result(path, "mv-dhel", Result("holds", code=code_of_system("mv-dhel")))
    (tmp_path / "mv-dhel.md").write_text("# mv-dhel")
    found = {state.id: state for state in states(tmp_path)}
    assert list(found) == list(entries())
    assert found["siglip"].state == shipped()["siglip"].verdict
    assert found["siglip"].here["verdict"] == "does not hold"
    assert found["siglip"].here["stale"]
    assert found["mv-dhel"].here["verdict"] == "holds"
    assert not found["mv-dhel"].here["stale"]
    assert found["mv-dhel"].page == str(tmp_path / "mv-dhel.md")
    never_run = next(id for id in files() if id not in shipped())
    assert found[never_run].state == "built"
    assert "objective whitenedcse" in found["whitenedcse"].parts
    page = table_page(found.values(), tmp_path)
    assert "| [mv-dhel](mv-dhel.md) | " in page
    assert "| siglip | " in page
    _, *groups = page.partition("## text")
    assert "".join(groups).count("\n| ") == len(entries()) + 6
    judged = [s for s in found.values() if s.result and not s.result["stale"]]
    verdicts = page.partition("## text")[0]
    assert all(f"{s.id}]" in verdicts or f"| {s.id} |" in verdicts for s in judged)


def test_a_verdict_is_stale_once_its_code_is_another(monkeypatch):
    result = Result("holds", code=code_of_system("dcl"))
    assert not is_stale("dcl", result)
    assert is_stale("siglip", result)
    assert is_stale("dcl", Result("holds"))  # from before there was a digest
    assert is_stale("no-such-system", Result("holds", code="x"))


def test_what_comes_with_dipole_is_of_a_claim_that_is_there():
    for id, result in shipped().items():
        assert system(id).claim is not None
        assert result.verdict in VERDICTS


def test_damaged_results_are_said(tmp_path):
    for text in ("{", "[]", '{"dcl": {"verdikt": "holds"}}'):
        (tmp_path / "results.json").write_text(text)
        with pytest.raises(InputError, match="expected json as dipole prove writes it"):
            states(tmp_path)


def test_verdicts_of_the_docs_are_those_of_the_package(tmp_path):
    """Where the docs of this checkout are; nowhere else anything is written into the package."""
    assert results_file(tmp_path) == tmp_path / "results.json"
    docs = docs_folder()
    assert read_results(results_file(docs)) == shipped()


def test_json():
    assert json.dumps([state.to_json() for state in states()][:1]).startswith('[{"id": "simcse"')
