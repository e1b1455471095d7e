"""What a system is: a published method as one file, with the recipe and the claim of its paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dipole.studies.claim import Claim
    from dipole.training.recipe import Recipe


@dataclass(frozen=True)
class System:
    """A published method.

    Args:
        id: its id in the list of systems (`catalogue.tsv`); the file's name, with `-` as `_`.
        paper: authors, year, title, arXiv number.
        recipe: settings that `dipole train --recipe ID` runs on anyone's data.
        claim: what the paper promises, as `dipole prove ID` checks it.
        place: `module:name` of the function that it is, where it is no training or not only one: a
            measure, a bound, a decoder.
    """

    id: str
    paper: str
    recipe: Recipe | None = None
    claim: Claim | None = None
    place: str = ""
