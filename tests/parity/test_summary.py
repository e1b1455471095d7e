import json

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
    assert {name.partition("-")[0] for name in left_out} == {"evaluation", "bm25"}
    assert set(systems) <= set(entries())
