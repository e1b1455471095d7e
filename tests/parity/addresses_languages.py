"""Which callable each fixture of systems of several languages means."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dipole.systems.language_models.awesome_align import Consistency, SelfTraining
from dipole.systems.language_models.infoxlm import XLCo
from dipole.systems.language_models.shifcon import ShiftedContrast
from dipole.systems.language_models.transliteration_alignment_study import TransliterationContrast
from dipole.training.build import build_objective
from dipole.training.config import make_config
from dipole.training.recipe import read_recipe


def terms(name: str) -> list[tuple[float, Any]]:
    """Weights and objectives of a recipe's sum."""
    whole: Any = build_objective(make_config(data="", **read_recipe(name)))
    return list(zip(whole.weights, whole.inner(), strict=True))


def xlco(q: Tensor, k: Tensor, queue: Tensor) -> Tensor:
    """The sum over the pairs of the recipe's contrast, without hidden words."""
    config = make_config(data="", **read_recipe("infoxlm"))
    objective = build_objective(config)
    assert isinstance(objective, XLCo)
    value: Tensor = len(q) * objective(q, k, negative=queue)
    return value


def afp(z1: Tensor, z2: Tensor) -> Tensor:
    """The recipe's contrast of two texts' states."""
    (weight, contrast), _ = terms("afp")
    value: Tensor = weight * contrast(z1, z2)
    return value


def tcm(original: Tensor, romanised: Tensor, *, cosine: bool) -> Tensor:
    """The recipe's contrast of two scripts, with dot products or cosines."""
    weight, contrast = terms("transliteration-alignment-study")[0]
    assert isinstance(contrast, TransliterationContrast)
    contrast.cosine = cosine
    value: Tensor = weight * contrast(original, romanised)
    return value


def links(
    objective: Any, h_src: Tensor, h_tgt: Tensor, src_ids: Tensor, tgt_ids: Tensor, **guide: Tensor
) -> Tensor:
    """awesome-align's losses, without padding and what stands around texts (0, 101, 102)."""
    pieces = [~torch.isin(ids, torch.tensor([0, 101, 102])) for ids in (src_ids, tgt_ids)]
    value: Tensor = objective(h_src, h_tgt, *pieces, **guide)
    return value


def shifcon(mask_en: Tensor, mask_other: Tensor, **states: Tensor) -> Tensor:
    """The contrast of two layers of three."""
    english, other = (
        torch.stack([states[f"{side}{layer}"] for layer in range(3)], 1) for side in ("en", "other")
    )
    value: Tensor = ShiftedContrast(first=0, last=2)(english, other, mask_en > 0, mask_other > 0)
    return value


LANGUAGES: dict[str, Callable[..., Any]] = {
    "afp-contrast": afp,
    "awesome-align-co": partial(links, Consistency()),
    "awesome-align-so": partial(links, SelfTraining()),
    "infoxlm-xlco": xlco,
    "shifcon-contrast": shifcon,
    "transliteration-alignment-study-tcm": partial(tcm, cosine=False),
    "transliteration-alignment-study-tcm-cosine": partial(tcm, cosine=True),
}
