"""docs/objectives.md says what the registry says."""

from pathlib import Path

import dipole.objectives
from dipole.objectives.contract.document import document, stub
from dipole.objectives.contract.registry import OBJECTIVES

PAGE = Path(__file__).parents[3] / "docs/objectives.md"
RUN = "python -m dipole.objectives.contract.document"


def test_the_page_is_up_to_date():
    assert PAGE.read_text("utf-8") == document(), f"run: {RUN}"


def test_every_objective_has_a_row_and_a_paper():
    page = document()
    for name in OBJECTIVES:
        assert page.count(f"| `{name}`<br>") == 1
        assert page.count(f"- `{name}` (") == 1


def test_the_types_are_what_the_code_writes():
    page = Path(dipole.objectives.__file__).with_name("__init__.pyi")
    assert page.read_text("utf-8") == stub(), f"run: {RUN}"
