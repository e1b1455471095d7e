"""Which callable each fixture of word alignment means; links are compared as sorted pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.aligning.words import Bitext, Gold, Link, fast_align, ibm1, measure, read_links
from dipole.aligning.words.differences import left_out, of_words, unaligned
from dipole.aligning.words.links import Links
from dipole.aligning.words.matching import best_sources, best_targets, iterated, matched
from dipole.aligning.words.measuring_nulls import with_nulls
from dipole.aligning.words.similarity import similarities
from dipole.aligning.words.symmetrising import symmetrise
from dipole.aligning.words.thresholding import both_ways, harmonic
from dipole.aligning.words.transport import costs, moved, plan


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


def argmax(direction: Callable[[np.ndarray], Links], x: Tensor, y: Tensor) -> Tensor:
    return pairs(direction(similarities(x.numpy(), y.numpy())))


def states_linked(h_src: Tensor, h_tgt: Tensor, src_ids: Tensor, tgt_ids: Tensor) -> dict[str, Any]:
    """awesome-align at its fixture's threshold; places count the special tokens (101, 102, 0)."""
    found = {}
    for n in range(len(h_src)):
        ours, theirs = (
            states[n][~torch.isin(ids[n], torch.tensor([0, 101, 102]))]
            for states, ids in ((h_src, src_ids), (h_tgt, tgt_ids))
        )
        found[f"pair {n}"] = pairs(both_ways((ours @ theirs.T).numpy(), 0.25)) + 1
    return found


def first_of_masked(wf: Tensor, wb: Tensor) -> Tensor:
    """Mask-Align's links of the first sentence pair, of 3 x 3 words."""
    return pairs(harmonic(wf[0, :3, :3].numpy(), wb[0, :3, :3].numpy()))


def scores_with_nulls(
    golds: list[str], preds: list[str], len1: Tensor, len2: Tensor
) -> dict[str, float]:
    gold, found = ([read_links(line)[0] for line in lines] for lines in (golds, preds))
    lengths = list(zip(len1.tolist(), len2.tolist(), strict=True))
    named = zip(("", "null_", "total_"), with_nulls(found, gold, lengths), strict=True)
    return {
        f"{prefix}{name}": getattr(rates, name)
        for prefix, rates in named
        for name in ("precision", "recall", "f1")
    }


def words_that_differ(
    a_states: Tensor, b_states: Tensor, words_a: list[str], words_b: list[str], *, leaves_out: bool
) -> dict[str, np.ndarray]:
    """DiffAlign or DiffDel of words, of states with a special token at each end."""
    a, b = a_states.numpy(), b_states.numpy()
    found = {}
    for name, one, other, words in (("a", a, b, words_a), ("b", b, a, words_b)):
        label = left_out(one[1:-1], other[1:-1]) if leaves_out else unaligned(one[1:-1], other)
        found[name] = of_words(label, [[int(t) - 1 for t in word.split()] for word in words])
    return found


WORDS: dict[str, Callable[..., Any]] = {
    "awesome-align-links": states_linked,
    "mask-align-links": first_of_masked,
    "ot-word-align-cost-cos": lambda s, t: costs(s.numpy(), t.numpy(), distortion=0.2),
    "ot-word-align-cost-l2": lambda s, t: costs(
        s.numpy(), t.numpy(), cost="euclidean", distortion=0.2
    ),
    "ot-word-align-links": lambda C: pairs(moved(plan(C.numpy(), tau=0.3), 0.3)),
    "ot-word-align-metrics": scores_with_nulls,
    "ot-word-align-partial": lambda C: plan(C.numpy(), "partial", tau=0.6),
    "rsd-diffalign-align": partial(words_that_differ, leaves_out=False),
    "rsd-diffalign-del": partial(words_that_differ, leaves_out=True),
    "simalign-fwd": partial(argmax, best_targets),
    "simalign-rev": partial(argmax, best_sources),
    "simalign-mwmf": partial(argmax, matched),
    "simalign-itermax-more": partial(argmax, iterated),
    "simalign-itermax-full-side": partial(argmax, iterated),
    "simalign-itermax-3-rounds": partial(argmax, partial(iterated, rounds=3)),
    "word-alignment-tutorial-aer": rates,
    "word-alignment-tutorial-fast-align-vb": published_fast_align,
    "word-alignment-tutorial-ibm1": translations,
} | {
    f"word-alignment-tutorial-{method}": partial(as_moses, method)
    for method in ("grow-diag", "grow-diag-final", "grow-diag-final-and")
}
