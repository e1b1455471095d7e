"""Which callable each fixture of a text system means, where more than an objective's name does."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from dipole.encoders.bottleneck import Bottleneck
from dipole.objectives import Classify, CosineRegression, InfoNCE, NTXent
from dipole.objectives.contract.base import Objective
from dipole.systems.text.claif import Smoothed
from dipole.systems.text.coin import LastTokens
from dipole.systems.text.compcse import Composed
from dipole.systems.text.declutr import MeanPositive
from dipole.systems.text.defsent_plus import Entries, EntrySoftmax
from dipole.systems.text.micse import AttentionMI
from dipole.systems.text.quick_thoughts import QuickThoughts
from dipole.systems.text.representation_rank import VonNeumann
from dipole.systems.text.sg_opt import SGOpt
from dipole.systems.text.triple_encoders import Mixed, targets
from dipole.training.build import build_objective
from dipole.training.combining import Capped
from dipole.training.config import make_config
from dipole.training.recipe import read_recipe


def composed(cls: Tensor, head_weight: Tensor, head_bias: Tensor) -> Tensor:
    """CompCSE of a text and its two phrases, (n, 3, d), and its head's weights."""
    part = Composed(dims=3)
    part.bind(SimpleNamespace(encoder=SimpleNamespace(dim=cls.shape[2])))  # type: ignore[arg-type]
    part = part.double()
    batch = dict(zip(("anchor", "positive", "view_2"), cls.unbind(1), strict=True))
    weights = {"head.weight": head_weight, "head.bias": head_bias}
    found = functional_call(Before(part), {f"part.{k}": w for k, w in weights.items()}, (batch,))
    value: Tensor = InfoNCE(0.05, symmetric=False)(found["anchor"], found["positive"])
    return value


class Given(Objective):
    """A loss that is an input."""

    def forward(self, generation_loss: Tensor) -> Tensor:
        return generation_loss


def coin(rho: float) -> Callable[..., Tensor]:
    """CoIN of states, each of a text of one token, and of a likelihood that is given."""
    capped = Capped([(1.0, Given()), (rho, LastTokens(0.05).double())])
    return lambda anchor, positive, generation_loss: capped(
        anchor=anchor[:, None], positive=positive[:, None], generation_loss=generation_loss
    )


class Before(nn.Module):
    """A part as a module whose call is its `before`."""

    def __init__(self, part: Any) -> None:
        super().__init__()
        self.part = part

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        changed: dict[str, Tensor] = self.part.before(batch)
        return changed


def smoothed(smooth: Any) -> Callable[..., Tensor]:
    """CLHAIF of anchors, positives and hard negatives, (n, 3, d)."""

    def loss(triplets: Tensor, scores: Tensor) -> Tensor:
        anchor, positive, negative = triplets.unbind(1)
        value: Tensor = Smoothed(0.05, smooth)(anchor, positive, scores, negative)
        return value

    return loss


def defsent(
    states: Tensor, pooler_weight: Tensor, pooler_bias: Tensor, entries: Tensor, labels: Tensor
) -> Tensor:
    """DefSent+ of pooled states, with the weights of the pooler and the entries given."""
    part = Entries()
    part.known, part.entries = torch.arange(len(entries)), entries
    part.pooler = nn.Linear(*pooler_weight.shape).double()
    given = {"part.pooler.weight": pooler_weight, "part.pooler.bias": pooler_bias}
    found = functional_call(Before(part), given, ({"anchor": states, "labels": labels},))
    value: Tensor = EntrySoftmax()(**found)
    return value


def quick_thoughts(anchor: Tensor, positive: Tensor) -> Tensor:
    """Quick-Thoughts of the sentences of one document."""
    places = torch.arange(len(anchor))
    value: Tensor = QuickThoughts()(anchor, positive, torch.zeros_like(places), places)
    return value


def sub_sentence(propositions: Tensor, labels: Tensor) -> Tensor:
    """The objective of the recipe, of all propositions of a batch."""
    config = make_config(data="", **read_recipe("sub-sentence-encoder"))
    value: Tensor = build_objective(config)(views=propositions[None], labels=labels)
    return value


def supcl_seq(views: Tensor, labels: Tensor) -> Tensor:
    """The objective of SupCL-Seq's recipe of the views of every text, (n, v, d)."""
    config = make_config(data="", **read_recipe("supcl-seq"))
    value: Tensor = build_objective(config)(views=views.transpose(0, 1), labels=labels)
    return value


def recipe_of(name: str) -> Any:
    """The objective of a recipe."""
    return build_objective(make_config(data="", **read_recipe(name)))


def diffcse(
    anchor_and_positive: Tensor, discriminator_logits: Tensor, replaced: Tensor,
    attention_mask: Tensor,
) -> Tensor:  # fmt: skip
    """DiffCSE's objective of projected vectors, (n, 2, d), and what its discriminator says."""
    anchor, positive = anchor_and_positive.unbind(1)
    value: Tensor = recipe_of("diffcse")(
        anchor=anchor, positive=positive, replaced_logits=discriminator_logits, replaced=replaced
    )
    return value


def declutr(anchor: Tensor, positives: Tensor) -> Tensor:
    """DeCLUTR's contrast of anchors and the vectors of their positives, (n, p, d)."""
    mask = torch.ones(positives.shape[:2], dtype=torch.bool)
    batch = MeanPositive().before({"candidates": positives, "mask": mask})
    value: Tensor = NTXent(0.05)(anchor, batch["positive"])
    return value


def syncse(triplets: Tensor) -> Tensor:
    """The contrastive term of SynCSE's recipe, of triplets (n, 3, d)."""
    anchor, positive, negative = triplets.unbind(1)
    contrast = next(iter(recipe_of("syncse").inner()))
    value: Tensor = contrast(anchor, positive, negative)
    return value


def denosent(states: Tensor, projector: Tensor, token_logits: Tensor, tokens: Tensor) -> Tensor:
    """DenoSent's objective of both texts' states (2n, d), through its projection."""
    anchor, positive = (states @ projector.T).chunk(2)
    there = tokens != 0
    value: Tensor = recipe_of("denosent")(
        anchor=anchor, positive=positive, rebuilt_logits=token_logits[there], rebuilt=tokens[there]
    )
    return value


def bottleneck(hidden: Tensor, residual: Tensor, probe: Tensor, **weights: Tensor) -> Tensor:
    """A bottleneck beside the identity, then the residual sum and its normalisation."""
    width, dim = weights["down_weight"].shape
    inner = {f"{part}.{kind}": weights[f"{part}_{kind}"]
             for part in ("down", "up") for kind in ("weight", "bias")}  # fmt: skip
    module = Bottleneck(nn.Identity(), dim, dim // width)
    out: Tensor = functional_call(module, inner, (hidden,)) + residual
    normed = F.layer_norm(out, (dim,), weights["norm_weight"], weights["norm_bias"], 1e-12)
    return (normed * probe).sum()


def micse(views: Tensor, attention_logits: Tensor) -> Tensor:
    """miCSE's objective of views (n, 2, d) and what these attend to, at a weight of 0.5."""
    anchor, positive = views.unbind(1)
    attention = attention_logits.softmax(-1).unflatten(0, (-1, 2)).unbind(1)
    value: Tensor = InfoNCE(0.05, symmetric=False)(anchor, positive)
    return value + 0.5 * AttentionMI(first=1, last=4)(*attention)


def sg_opt(anchor: Tensor, candidates: Tensor) -> Tensor:
    """SG-OPT's contrast of projected vectors and those of the frozen layers, (n, layers, d)."""
    value: Tensor = SGOpt()(anchor, candidates)
    return value


def prompteol(states: Tensor) -> Tensor:
    """PromptEOL's objective of the states of anchors, positives and hard negatives, (3n, d)."""
    value: Tensor = recipe_of("prompteol")(*states.chunk(3))
    return value


def slm_contrastive(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """The objective of the recipe for small language models."""
    value: Tensor = recipe_of("slm-contrastive-ft")(anchor, positive, negative)
    return value


def multicsr(triplets: Tensor, teacher_triplets: Tensor) -> Tensor:
    """MultiCSR's masked contrast of triplets, by the cosines of a frozen encoder's, (n, 3, e)."""
    anchor, positive, negative = triplets.unbind(1)
    theirs = teacher_triplets.unbind(1)
    scores = F.normalize(theirs[0], dim=1) @ F.normalize(theirs[1], dim=1).T
    value: Tensor = recipe_of("multicsr")(
        anchor, positive, scores, negative, teacher_anchor=theirs[0], teacher_negative=theirs[2]
    )
    return value


def lm_supcon(views: Tensor, labels: Tensor) -> Tensor:
    """The contrastive term of LM-SupCon's recipe, of both prompts of every text, (n, 2, d)."""
    contrast = next(iter(recipe_of("lm-supcon").inner()))
    value: Tensor = contrast(projected=views.transpose(0, 1), labels=labels)
    return value


def pearl(
    anchor: Tensor, positive: Tensor, type_weight: Tensor, type_bias: Tensor, types: Tensor
) -> Tensor:
    """PEARL's recipe of phrases and their edits, with the weights of its classifier given."""
    objective = recipe_of("pearl").double()
    (place,) = (name for name, one in objective.named_modules() if isinstance(one, Classify))
    one = objective.get_submodule(place)
    one.linear = nn.Linear(type_weight.shape[1], len(type_weight)).double()
    one.dim, one.classes = type_weight.shape[1], len(type_weight)
    state = {f"{place}.linear.weight": type_weight, f"{place}.linear.bias": type_bias}
    batch = {"anchor": anchor, "positive": positive, "views": torch.stack([anchor, positive])}
    value: Tensor = functional_call(objective, state, kwargs=batch | {"labels": types})
    return value


def triple(first: Tensor, second: Tensor, candidate: Tensor, scores: Tensor) -> Tensor:
    """The loss of Triple-Encoders of raw vectors of both turns and of the one after."""
    lists = {"candidates": torch.stack([first, second], 1), "relevance": scores[:, None]}
    batch = Mixed().before(lists)
    value: Tensor = CosineRegression()(candidate, batch["positive"], batch["scores"])
    return value


def triple_targets(pairs: Tensor) -> Tensor:
    """The sum of the cosines of these pairs of turns in a window of five."""
    wanted = targets(5)
    return torch.tensor(sum(wanted[min(k, m), max(k, m)] for k, m in pairs.long().tolist()))


def pixel_linguist(anchor: Tensor, positive: Tensor) -> Tensor:
    """The loss of the recipe."""
    value: Tensor = recipe_of("pixel-linguist")(anchor, positive)
    return value


TEXT: dict[str, Callable[..., Any]] = {
    "claif-smooth-all": smoothed("all"),
    "claif-smooth-positive": smoothed("positive"),
    "coin-rho-small": coin(0.1),
    "coin-rho1000": coin(1000.0),
    "compcse": composed,
    "declutr": declutr,
    "defsent-plus": defsent,
    "denosent": denosent,
    "diffcse": diffcse,
    "embedding-adapters-domain": bottleneck,
    "micse": micse,
    "multicsr-code": multicsr,
    "pixel-linguist": pixel_linguist,
    "prompteol": prompteol,
    "lm-supcon": lm_supcon,
    "pearl": pearl,
    "quick-thoughts": quick_thoughts,
    "representation-rank-von-neumann": VonNeumann(),
    "sg-opt": sg_opt,
    "slm-contrastive-ft": slm_contrastive,
    "sub-sentence-encoder": sub_sentence,
    "supcl-seq": supcl_seq,
    "syncse": syncse,
    "triple-encoders": triple,
    "triple-encoders-targets": triple_targets,
}
