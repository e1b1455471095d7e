import json

from dipole.objectives.contract.registry import OBJECTIVES
from dipole.systems.catalogue import entries
from parity.summary import PATH, summary
from parity.test_parity import FIXTURES


def test_the_summary_in_the_package_is_current():
    """`python -m parity.summary` in tests/ writes it."""
    assert PATH.read_text(encoding="utf-8") == summary()


def test_every_fixture_of_a_system_is_in_it_once():
    systems = json.loads(PATH.read_text(encoding="utf-8"))["systems"]
    found = [row[0] for rows in systems.values() for row in rows]
    assert len(found) == len(set(found))
    left_out = set(FIXTURES) - set(found)
    assert left_out
    # Of measures, and of objectives whose paper is not in the list.
    for name in left_out:
        system = json.loads(FIXTURES[name].read_text(encoding="utf-8"))["system"]
        own = system in OBJECTIVES and system not in entries()
        assert own or name.partition("-")[0] in ("evaluation", "bm25")
    assert set(systems) <= set(entries())
