import json

from dipole.systems.catalogue import entries
from parity.summary import PATH, summary
from parity.test_parity import FIXTURES


def test_the_summary_in_the_package_is_current():
    """`python -m parity.summary` in tests/ writes it."""
    assert PATH.read_text(encoding="utf-8") == summary()


def test_every_fixture_is_in_it_once_and_is_of_a_system():
    systems = json.loads(PATH.read_text(encoding="utf-8"))["systems"]
    assert sorted(row[0] for rows in systems.values() for row in rows) == sorted(FIXTURES)
    assert set(systems) <= set(entries())
