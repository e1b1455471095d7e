"""Which callable each fixture of an objective of preferences means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.objectives.contract.registry import objective_class
from dipole.sampling.answer_choice import alike, centres, unlike
from dipole.systems.language_models.clha import RankMargin
from dipole.systems.language_models.compo import direction
from dipole.systems.language_models.selfie_spa import SelfRefined


def of_pairs(name: str, **settings: Any) -> Callable[..., Tensor]:
    """An objective of pairs, given the sums of its tokens; of means where their numbers are given,
    of tokens where those are."""
    objective = objective_class(name)(**settings).double()

    def call(**inputs: Tensor) -> Tensor:
        def two(name: str) -> Tensor:
            return torch.stack([inputs[name.format("chosen")], inputs[name.format("rejected")]], 1)

        if "chosen_logps" in inputs:
            logps, ref_logps = two("{}_logps"), two("ref_{}_logps")
            if "chosen_tokens" in inputs:
                logps, ref_logps = (x / two("{}_tokens") for x in (logps, ref_logps))
            ratings = torch.tensor([[1.0, 0.0]]).repeat(len(logps), 1)
            batch = {"logps": logps, "ref_logps": ref_logps, "ratings": ratings}
        else:
            lengths, tokens = two("{}_tokens"), two("{}_token_logps")
            tokens = tokens * (torch.arange(tokens.shape[2]) < lengths[:, :, None])
            sums = tokens.sum(2)
            batch = {"token_logps": tokens, "ref_token_logps": torch.zeros_like(tokens)}
            batch |= {"logps": sums, "mean_logps": sums / lengths, "lengths": lengths}
        found: Tensor = objective(**objective.pick(batch))
        return found

    return call


def of_points(**settings: Any) -> Callable[..., Tensor]:
    """ULMA of single answers."""
    objective = objective_class("ulma")(**settings).double()
    return lambda logps, ref_logps, score: objective(
        logps[:, None], ref_logps[:, None], score[:, None]
    )


def of_lists(
    name: str, *, bonus: float, **settings: Any
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """An objective of lists; `bonus` is added to the rating of the first answer."""
    objective = objective_class(name)(**settings).double()
    first = torch.tensor([bonus, 0, 0, 0], dtype=torch.float64)
    return lambda logps, ref_logps, rewards: objective(logps, ref_logps, rewards + first)


def two_batches(**inputs: Tensor) -> Tensor:
    """BCO of a second batch, after a first one whose shift it remembers."""
    objective = objective_class("bco")(beta=0.1).double()

    def loss(end: str) -> Tensor:
        names = (f"{{}}chosen_logps{end}", f"{{}}rejected_logps{end}")
        policy, reference = (
            torch.cat([inputs[name.format(of)] for name in names])[:, None] for of in ("", "ref_")
        )
        good = torch.arange(len(policy))[:, None] < len(inputs[names[0].format("")])
        found: Tensor = objective(policy, reference, good.double())
        return found

    loss("")
    return loss("2")


def clha(logps_mean: Tensor, logps_sum_best: Tensor, rewards: Tensor) -> Tensor:
    """CLHA, whose code has one constant as margin and as gate; the sums of the other answers are
    not read."""
    sums = torch.stack([logps_sum_best, *2 * [torch.zeros_like(logps_sum_best)]], 1)
    found: Tensor = RankMargin(margin=3.0, gate=3.0, weight=0.05).double()(
        logps_mean, sums, rewards
    )
    return found


def refined(**inputs: Tensor) -> Tensor:
    """SPA in the middle of a stage, with a threshold of -0.05."""
    objective = SelfRefined(beta=0.1, smoothing=0.1).double()
    objective.at(0.5)
    objective.recent, objective.seen = torch.full_like(objective.recent, -0.05), torch.tensor(50)
    batch = {
        of: torch.stack([inputs[f"{of[:-5]}chosen_logps"], inputs[f"{of[:-5]}rejected_logps"]], 1)
        for of in ("logps", "ref_logps", "mix_logps")
    }
    found: Tensor = objective(**batch)
    return found


def threshold(margins: Tensor) -> Tensor:
    """Its threshold after fifty batches."""
    objective = SelfRefined().double()
    for margin in margins:
        both = torch.stack([margin / objective.beta, torch.zeros_like(margin)])[None]
        objective(both, torch.zeros_like(both))
    return objective.threshold()


def compared(z: Tensor, signs: Tensor) -> Tensor:
    """ComPO's direction."""
    return direction(signs @ z, 0.3)


def selection(e: Tensor) -> dict[str, list[int]]:
    """REAL's pairs."""
    given = (np.zeros(len(e)), e.numpy(), 1, np.random.default_rng(0))
    found = {"hard": alike(*given), "easy": unlike(*given), "centroid": centres(*given)}
    return {name: sorted(pair) for name, pair in found.items()}


PREFERENCES: dict[str, Callable[..., Any]] = {
    "alignment-techniques-survey-alphapo": of_pairs("alphapo", beta=2.5, gamma=0.5, alpha=0.25),
    "alignment-techniques-survey-aot": of_pairs("aot", beta=0.1),
    "alignment-techniques-survey-dpo-token-mean": of_pairs("dpo", beta=2.0),
    "alignment-techniques-survey-dpo": of_pairs("dpo", beta=0.1),
    "alignment-techniques-survey-exo-pair": of_pairs("exo", beta=0.1, label_smoothing=0.001),
    "alignment-techniques-survey-f-dpo-alpha": of_pairs(
        "f-dpo", beta=0.1, divergence="alpha", alpha=0.5
    ),
    "alignment-techniques-survey-f-dpo-js": of_pairs("f-dpo", beta=0.1, divergence="js"),
    "alignment-techniques-survey-ld-dpo": of_pairs("ld-dpo", beta=0.1, alpha=0.5),
    "alignment-techniques-survey-orpo": of_pairs("orpo", weight=0.1),
    "alignment-techniques-survey-robust-dpo": of_pairs("robust-dpo", beta=0.1, label_smoothing=0.2),
    "alignment-techniques-survey-simpo": of_pairs("simpo", beta=2.0, gamma=0.5),
    "alignment-techniques-survey-slic-hinge": of_pairs("slic", beta=1.0),
    "alignment-techniques-survey-sppo-hard": of_pairs("sppo", beta=0.1),
    "apo-clair-down": of_pairs("apo-down", beta=0.1),
    "apo-clair-zero": of_pairs("apo-zero", beta=0.1),
    "bco-shift": two_batches,
    "clha": clha,
    "compo-direction": compared,
    "cpo-translation-study-cpo": of_pairs("cpo", beta=0.1, alpha=1.0),
    "nca-infonca": of_lists("infonca", bonus=0.01, beta=0.1, alpha=2.0),
    "nca-pair": of_pairs("nca", beta=0.1, alpha=0.001),
    "online-offline-gap-ipo-token-mean": of_pairs("ipo", tau=0.1),
    "online-offline-gap-ipo-token-sum": of_pairs("ipo", tau=0.1),
    "real-pairs-selection": selection,
    "selfie-spa-threshold": threshold,
    "selfie-spa": refined,
    "ulma-beta-logloss": of_points(beta=0.1, demonstrations="scaled"),
    "ulma-continuous": of_points(beta=0.1, demonstrations="likelihood", continuous=True),
    "ulma-pointwise-dpo": of_points(beta=0.1, demonstrations="pointwise"),
}
