"""The settings of mining: which candidates of an anchor may be its negatives, and how many."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from dipole.data.options import Settings, check_names, wrong_value
from dipole.errors import InputError


class Filters(Settings):
    """Of the ranked candidates of an anchor, positives and copies left out, those that

        rank <= depth,   least <= s(a, c) <= most,
        s(a, c) <= s(a, p) - margin,   s(a, c) <= s(a, p) - (1 - share) |s(a, p)|

    may be negatives, without the first `skip` of those that are left, as in sentence-transformers;
    `pick` takes some of them. `share` is the percentage of the positive's score
    (0.95: at most 95 %; a relative margin m is a share of 1 - m), `margin` the absolute one.
    Source: de Souza P. Moreira et al. 2024, NV-Retriever, arXiv 2407.15831 (TopK-PercPos 0.95,
    TopK-MarginPos 0.05 on cosines).
    """

    model_config = ConfigDict(frozen=True)

    negatives: int = Field(5, ge=1, description="Negatives per row, at most.")
    skip: int = Field(
        0,
        ge=0,
        description="Leave out the nearest so many that pass the limits: they may be unmarked "
        "positives.",
    )
    depth: int = Field(100, ge=1, description="Look no further than this rank.")
    margin: float | None = Field(
        None, description="A negative scores at least this much below the positive."
    )
    share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="A negative scores at most this share of the positive (0.95: 95 %).",
    )
    most: float | None = Field(None, description="A negative scores at most this.")
    least: float | None = Field(None, description="A negative scores at least this.")
    pick: Literal["top", "random", "propensity"] = Field(
        "top",
        description="top: the nearest that may be; random: any of them; propensity: those whose "
        "words are near and whose meaning is not.",
    )
    seed: int = Field(0, ge=0, description="Seed of random and propensity.")

    @model_validator(mode="after")
    def _window(self) -> Filters:
        if self.skip >= self.depth:
            raise ValueError(f"skip: found {self.skip}; expected less than depth ({self.depth})")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least: found {self.least}; expected at most `most` ({self.most})")
        return self


def make_filters(**settings: Any) -> Filters:
    """Checked `Filters`; what is wrong is said in one line."""
    try:
        return Filters(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise InputError(str(first["ctx"]["error"])) from None
        if first["type"] == "extra_forbidden":
            check_names([str(first["loc"][0])], Filters.model_fields, "mining option")
        raise InputError(wrong_value(Filters, first)) from None
