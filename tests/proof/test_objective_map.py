"""The map of objectives is what its command writes, and what it says is so."""

from pathlib import Path

import pytest

from dipole.objectives import build_objective
from dipole.objectives.contract.registry import OBJECTIVES
from dipole.proof.objective_map import page
from dipole.systems.text.primer_contrastive_nlp import contrasted, reads_others

PAGE = Path(__file__).parents[2] / "docs" / "objective-map.md"


def test_the_page_is_current_and_has_every_objective_but_those_of_preferences():
    found = page()
    assert PAGE.read_text(encoding="utf-8") == found
    for name, place in OBJECTIVES.items():
        is_of_answers = place.startswith("preferences.") or name == "sft"
        assert (f"| `{name}` |" in found) != is_of_answers


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("infonce", {}, ("input", "partner", "batch, given")),
        ("contrastive", {}, ("input", "by grade", "none")),  # each pair alone
        ("listnet", {}, ("input", "by relevance", "list")),  # each list alone
        ("supcon", {}, ("input", "other views, or its class", "batch")),
        ("classify", {"dim": 8, "classes": 3}, ("label", "its label", "other labels")),
        ("vicreg", {}, ("dimension", "partner", "none")),
    ],
)
def test_what_an_objective_contrasts(name, settings, expected):
    assert tuple(contrasted(build_objective(name, **settings))) == expected


def test_a_sum_over_the_batch_of_single_pairs_reads_no_other():
    assert not reads_others(build_objective("cosine-regression"))
    assert reads_others(build_objective("cosine-regression") + 0.1 * build_objective("infonce"))
