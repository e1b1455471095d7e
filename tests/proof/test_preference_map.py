"""The map of preference objectives is what its command writes."""

from pathlib import Path

from dipole.objectives.contract.registry import OBJECTIVES
from dipole.proof.preference_map import page

PAGE = Path(__file__).parents[2] / "docs" / "leaderboards" / "preference-map.md"


def test_the_page_is_current_and_has_every_objective():
    found = page()
    assert PAGE.read_text(encoding="utf-8") == found
    for name, place in OBJECTIVES.items():
        assert (f"| `{name}` |" in found) == place.startswith("preferences.")
