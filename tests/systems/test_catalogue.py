import json

import pytest

from dipole.errors import InputError
from dipole.objectives.contract.registry import OBJECTIVES, objective_class
from dipole.systems.catalogue import (
    check_place,
    entries,
    entry_of,
    pages_folder,
    places,
    states,
    table_page,
    write_result,
)


def test_all_systems_are_listed():
    assert len(entries()) == 260
    assert {s.group for s in entries().values()} == {
        "text", "retrieval", "vision", "vision_language", "domains", "language_models",
    }  # fmt: skip
    assert entry_of("dcl").arxiv == "2110.06848"
    assert all(s.title for s in entries().values())


def test_what_is_built_is_a_system():
    for name, place in places().items():
        entry_of(name)
        check_place(place)
    of_objectives = {objective_class(name).system for name in OBJECTIVES}
    # What the others are made from or measured against: no systems of the list.
    assert of_objectives - set(entries()) <= {"infonce", "simclr"}


def test_unknown_ids_get_a_hint():
    with pytest.raises(InputError, match="simcse"):
        entry_of("simsce")


def test_states(tmp_path):
    write_result(tmp_path, "siglip", {"verdict": "does not hold", "date": "2026-01-01"})
    write_result(tmp_path, "mv-dhel", {"verdict": "holds", "date": "2026-01-01"})
    (tmp_path / "siglip.md").write_text("# siglip")
    found = {state.id: state for state in states(tmp_path)}
    assert len(found) == 260
    assert found["siglip"].state == "does not hold"
    assert found["siglip"].page.endswith("siglip.md")
    assert found["mv-dhel"].state == "holds"
    assert found["mv-dhel"].page == ""
    assert found["cwcl"].state == "built"
    assert "objective cwcl" in found["cwcl"].parts
    missing = [state for state in found.values() if state.state == "missing"]
    assert all(not state.parts for state in missing)
    page = table_page(list(found.values()))
    assert "| [siglip](siglip.md) | does not hold |" in page
    assert page.count("\n| ") == 260 + 6


def test_damaged_results_are_said(tmp_path):
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(InputError, match="expected json as dipole prove writes it"):
        states(tmp_path)


def test_where_pages_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(pages_folder()) == "systems"
    (tmp_path / "src" / "dipole").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    assert str(pages_folder()) == "docs/systems"


def test_json():
    assert json.dumps([state.to_json() for state in states()][:1]).startswith('[{"id": "simcse"')
