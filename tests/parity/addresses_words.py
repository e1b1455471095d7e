"""Which callable each fixture of word alignment means; links are compared as sorted pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dipole.aligning.words import Bitext, Gold, Link, fast_align, ibm1, measure, read_links
from dipole.aligning.words.links import Links
from dipole.aligning.words.symmetrising import symmetrise


def pairs(links: Iterable[Link]) -> Tensor:
    return torch.tensor(sorted(links))


def links_of(given: Tensor) -> Links:
    return frozenset((i, j) for i, j in given.tolist())


def bitext(source: list[str], target: list[str]) -> Bitext:
    return Bitext.of(list(zip(source, target, strict=True)))


def translations(source: list[str], target: list[str]) -> dict[str, float]:
    """t(target | source) as `target|source`."""
    table = ibm1(bitext(source, target), passes=5).table
    return {f"{f}|{'NULL' if e is None else e}": chance for (e, f), chance in table.items()}


def published_fast_align(source: list[str], target: list[str]) -> dict[str, Any]:
    """fast_align -d -v: likelihoods, links and table, as `source|target`."""
    found = fast_align(bitext(source, target), learn_tension=False)
    by_target = (sorted(links, key=lambda link: link[::-1]) for links in found.links)
    named = {f"links {n}": torch.tensor(links) for n, links in enumerate(by_target)}
    table = {f"{'<eps>' if e is None else e}|{f}": p for (e, f), p in found.table.items()}
    return {"log_likelihood": torch.tensor(found.log_likelihoods)} | named | table


def rates(sure: list[str], possible: list[str], hypothesis: list[str]) -> Tensor:
    """Precision, recall, AER and F1."""
    gold = Gold([read_links(line)[0] for line in sure], [read_links(line)[1] for line in possible])
    found = measure([read_links(line)[0] for line in hypothesis], gold, resamples=1)
    return torch.tensor([found[name].value for name in ("precision", "recall", "AER", "F1")])


def as_moses(method: str, forward: Tensor, backward: Tensor) -> Tensor:
    """What Moses calls forward has one target word for a source word: the reverse one here."""
    return pairs(symmetrise(links_of(backward), links_of(forward), method))


WORDS: dict[str, Callable[..., Any]] = {
    "word-alignment-tutorial-aer": rates,
    "word-alignment-tutorial-fast-align-vb": published_fast_align,
    "word-alignment-tutorial-ibm1": translations,
} | {
    f"word-alignment-tutorial-{method}": partial(as_moses, method)
    for method in ("grow-diag", "grow-diag-final", "grow-diag-final-and")
}
