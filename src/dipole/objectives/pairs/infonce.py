"""InfoNCE: every candidate of the batch that is not one's own positive is a negative."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Share
from dipole.kernels import INDEX, Modifier, candidates, count, lse, own, pairs, positives, total
from dipole.kernels.modifiers import Operand
from dipole.objectives.contract.base import Objective, Reduction, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import (
    as_relation,
    log_add,
    mean,
    one_against,
    others,
    reduce,
    unit,
    unlike,
)
from dipole.relations import Relation


def infonce(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    relation: Relation | Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.05,
    symmetric: bool = True,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross-entropy between the scores of an anchor's candidates and where its positives are.

        l_ij = (cos(a_i, c_j) - margin [P_ij > 0]) / temperature
        L_i  = log sum_{j in D(i)} exp l_ij - sum_j P_ij l_ij

    D(i) is every positive of the batch and every negative. P is the identity, or the rows of
    `relation` divided by their sums (several positives, soft targets), and smoothed
    (1 - label_smoothing) P_ij + label_smoothing / |D(i)|. `symmetric` also lets the positives
    choose among the anchors (columns of `relation`, no negatives): the mean of both directions.

    Shapes: anchor, positive (n, d); negative (m, d), candidates of every anchor;
    relation, a `Relation` or an (n, n) tensor of weights >= 0; rows without any are not counted;
    ids (n,), integers that name the positives' contents: equal ids never meet, save for i = j;
    negative_ids (m,): a negative with the id of an anchor's positive is none of its negatives.
    """
    a, p = unit(anchor), unit(positive)
    if relation is None and not label_smoothing:
        n = None if negative is None else unit(negative)
        hit = own(a, p, temperature=temperature)
        sides = _others(a, p, n, ids, negative_ids, temperature, symmetric)
        rows = one_against(hit - margin / temperature if margin else hit, torch.stack(sides))
        return reduce(rows.mean(0), reduction)
    shift = margin / torch.as_tensor(temperature, dtype=a.dtype, device=a.device)
    who = as_relation(relation, ids)
    mod, mask, weight = _margin(shift, who) if margin else None, candidates(who), positives(who)
    wanted = {"log_z": lse(mod=mod, mask=mask)}
    if relation is not None:
        wanted |= {"hit": total(mod, weight=weight), "mass": count(weight=weight)}
    if label_smoothing:
        wanted |= {"spread": total(mod, mask=mask), "size": count(mask)}
    asked = list(wanted.values())
    block = pairs(a, p, temperature=temperature, row=asked, column=asked if symmetric else ())
    row = dict(zip(wanted, block.row, strict=True))
    if negative is not None:
        far = unlike(ids, negative_ids)
        also = [lse(mask=far)]
        if label_smoothing:
            also += [total(mask=far), count(far)]
        log_z, *rest = pairs(a, unit(negative), temperature=temperature, row=also).row
        row["log_z"] = log_add(row["log_z"], log_z)
        for key, more in zip(("spread", "size"), rest, strict=False):
            row[key] = row[key] + more

    def loss(found: dict[str, Tensor]) -> Tensor:
        """One direction."""
        if relation is None:
            hit, counted = own(a, p, temperature=temperature) - shift, None
        else:
            counted = found["mass"] > 0
            hit = found["hit"] / torch.where(counted, found["mass"], 1)
        if label_smoothing:
            smooth = found["spread"] / found["size"].clamp(min=1)
            hit = (1 - label_smoothing) * hit + label_smoothing * smooth
        return reduce(found["log_z"] - hit, reduction, counted)

    columns = [dict(zip(wanted, block.column, strict=True))] if symmetric else []
    return mean([loss(found) for found in (row, *columns)])


def _others(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None,
    ids: Tensor | None,
    negative_ids: Tensor | None,
    temperature: float | Tensor,
    symmetric: bool,
) -> list[Tensor]:
    """The LSE of all but the own positive, of one or of both directions."""
    rest = [lse(mask=others(ids))]
    column = rest if symmetric else []
    block = pairs(anchor, positive, temperature=temperature, row=rest, column=column)
    (row,) = block.row
    if negative is not None:
        more = [lse(mask=unlike(ids, negative_ids))]
        row = log_add(row, *pairs(anchor, negative, temperature=temperature, row=more).row)
    return [row, *block.column]


def _margin(shift: Tensor, relation: Relation) -> Modifier:
    """Scores less `shift` where a pair is positive."""
    rule = relation.positive
    rows, columns = len(rule.row), len(rule.column)

    def less(score: Tensor, i: Tensor, *operands: Tensor) -> Tensor:
        row, (j, *rest) = operands[:rows], operands[rows:]
        weight = rule.fn(i, j, *row, *rest[:columns], *rest[columns + 1 :])
        return score - rest[columns] * (weight != 0)

    row: list[Operand] = [INDEX, *rule.row]
    column: list[Operand] = [INDEX, *rule.column]
    return Modifier(less, row=row, column=column, shared=shift, grid=rule.grid)


@register(
    "infonce",
    paper="van den Oord et al. 2018, Representation Learning with Contrastive Predictive Coding, "
    "arXiv 1807.03748",
    system="infonce",
    form="softmax",
    related=("ntxent", "dcl", "supcon", "siglip"),
)
class InfoNCE(Objective):
    """`infonce`; `learn_temperature` learns the temperature's logarithm, as CLIP does.

    Example:
        >>> import torch
        >>> objective = InfoNCE(temperature=0.1)
        >>> objective(torch.eye(4), torch.eye(4)).item() < 1e-3
        True
    """

    temperature: Temperature = Temperature(0.05)
    learn_temperature: bool = False
    symmetric: bool = True
    margin: float = 0.0
    label_smoothing: Share = 0.0

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        relation: Relation | Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `infonce`."""
        return infonce(
            anchor,
            positive,
            negative,
            relation,
            ids,
            negative_ids,
            temperature=self.temperature(),
            symmetric=self.symmetric,
            margin=self.margin,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )
