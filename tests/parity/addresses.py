"""Which callable of dipole each fixture means: when a module moves, this is the file to change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from dipole.data import Pairs
from dipole.evaluation.geometry.hubs import hubness
from dipole.evaluation.geometry.pairs import alignment
from dipole.evaluation.geometry.space import Moments, iso_score, uniformity
from dipole.evaluation.tasks.clustering import agreement
from dipole.evaluation.tasks.neighbours import knn_labels
from dipole.evaluation.tasks.pair_classification import best_threshold
from dipole.evaluation.tasks.retrieval import evaluate_run
from dipole.kernels.sinkhorn import sinkhorn
from dipole.kernels.sorting_network import odd_even_sort
from dipole.lexical.bm25 import BM25
from dipole.objectives import AMCL, ArcFace, CosFace, Hydra, LogitAdjusted, ProxyAnchor, SwAV
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import objective_class
from dipole.objectives.dimensions.matryoshka import Matryoshka
from dipole.objectives.graded.dse import DSE
from dipole.objectives.lists.listmle import order_refined
from dipole.objectives.pairs.gte import GTE
from dipole.objectives.pairs.siamese import Siamese
from dipole.objectives.views.multi_view import EveryPair
from dipole.sampling.choosing import allowed
from dipole.sampling.filters import Filters
from dipole.systems.text.dclr import Released
from dipole.systems.text.moe_sentence_similarity import _ROUTES, Routed
from dipole.systems.vision_language.zerovl import CoinMixup
from dipole.training.build import build_objective
from dipole.training.config import make_config
from dipole.training.parts import Queue, Setup, Teacher
from dipole.training.recipe import read_recipe
from parity.addresses_language import LANGUAGE
from parity.addresses_languages import LANGUAGES
from parity.addresses_preferences import PREFERENCES
from parity.addresses_text import TEXT
from parity.addresses_words import WORDS

STEPPED = ("anchor", "positive")  # inputs with one more axis, where a loss runs over several steps


@dataclass(frozen=True)
class Loss:
    """A weighted sum of objectives, made anew for every comparison.

    examples, state: an objective that keeps a number per example; its state is the value compared.
    """

    terms: tuple[tuple[float, Callable[[], Objective]], ...]
    examples: int = 0
    state: str | None = None
    training: bool = True

    def __add__(self, other: Loss) -> Loss:
        return replace(self, terms=self.terms + other.terms)

    def __rmul__(self, weight: float) -> Loss:
        return replace(self, terms=tuple((weight * w, make) for w, make in self.terms))

    def over_steps(self, examples: int, state: str) -> Loss:
        return replace(self, examples=examples, state=state)

    def evaluating(self) -> Loss:
        return replace(self, training=False)

    def built(self) -> list[tuple[float, Objective]]:
        """The objectives in float64, with their weights."""
        made = [(weight, make()) for weight, make in self.terms]
        for _, objective in made:
            objective.bind(self.examples)
            objective.double().train(self.training)
        return made


def loss(name: str, **settings: Any) -> Loss:
    """A registered objective."""
    return Loss(((1.0, partial(objective_class(name), **settings)),))


def of_recipe(system: str) -> Loss:
    """The objective that the recipe of a system trains with."""
    config = make_config(data="", **read_recipe(system))
    return Loss(((1.0, partial(build_objective, config)),))


def wrapped(wrapper: type[Objective], inner: Loss, **settings: Any) -> Loss:
    """An objective around another."""
    ((_, make),) = inner.terms
    return Loss(((1.0, lambda: wrapper(make(), **settings)),))


def given(*names: str, objective: Objective) -> Callable[..., Any]:
    """An objective some of whose parameters and buffers are inputs, by their names."""

    def call(**inputs: Any) -> Any:
        state = {name: inputs.pop(name) for name in names}
        return functional_call(objective.double().eval(), state, kwargs=inputs)

    return call


def numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is given NumPy arrays."""

    def call(**inputs: Any) -> Any:
        return function(**{k: v.numpy() if isinstance(v, Tensor) else v for k, v in inputs.items()})

    return call


def mined(**settings: Any) -> Callable[..., Any]:
    """Which of five candidates, best first, may be negatives."""
    filters = Filters(depth=5, **settings)
    return numpy(lambda known, own, scores: allowed(filters, known, own, scores, scores))


def metric(run: dict[str, Any], qrels: dict[str, Any], *, name: str) -> float:
    """One metric of a run."""
    return evaluate_run(run, qrels).value(name)


def amcl_of_positives(**inputs: Tensor) -> Tensor:
    """What AMCL's positives cost: the sum over heads of the mean over pairs."""
    objective = AMCL(heads=3, dim=4).double()
    phi = inputs.pop("phi.weight")
    costs = functional_call(_Costs(objective), {"objective.phi.weight": phi}, kwargs=inputs)
    assert isinstance(costs, Tensor)
    return costs


class _Costs(nn.Module):
    """A module of the method, so that phi can be an input."""

    def __init__(self, objective: AMCL) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, anchor: Tensor, positive: Tensor) -> Tensor:
        views = [F.normalize(x.unflatten(1, (3, 4)), dim=2).unbind(1) for x in (anchor, positive)]
        return torch.stack([self.objective.cost(*z).mean() for z in zip(*views, strict=True)]).sum()


def coin_mixed(side: str) -> Callable[..., Any]:
    """The loss of ZeroVL's recipe where `side` is mixed with its flip by a given share."""

    def call(anchor: Tensor, positive: Tensor, share: float) -> Any:
        part = CoinMixup()
        part.mixed, part.own = {side: share}, share
        ((_, objective),) = of_recipe("zerovl").built()
        return objective(**objective.pick(part.before({"anchor": anchor, "positive": positive})))

    return call


def gated(z: Tensor, logits: Tensor, labels: Tensor, behind: Tensor) -> Any:
    """Hydra of one view of images and the same images in another order, the gates given."""
    objective = Hydra(dim=z.shape[1], temperature=0.1).double()
    objective.gate = _GivenGate(logits)
    return objective(z, z[behind], labels, labels[behind])


class _GivenGate(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.log_gate = [F.logsigmoid(logits)]

    def forward(self, labels: Tensor, positive_labels: Tensor) -> Tensor:
        return self.log_gate[0]


def routed(x: Tensor, weights: Tensor, routes: Tensor) -> Tensor:
    """The sum of squares of what experts, linear maps, make of texts (n, tokens, d)."""
    block = Routed(nn.Linear(x.shape[2], weights.shape[1], bias=False), len(weights)).double()
    state = {f"experts.{i}.weight": weight for i, weight in enumerate(weights)}
    token = _ROUTES.set(routes)
    try:
        made = functional_call(block, state, args=(x,))
    finally:
        _ROUTES.reset(token)
    assert isinstance(made, Tensor)
    return made.square().sum()


def dse(logits: Tensor, **given: Tensor) -> Tensor:
    """DSE of logits that some head gave."""
    return DSE(outputs=logits.shape[1], distil=0.5).of_logits(logits, **given)


def without_predictor(anchor: Tensor, positive: Tensor) -> Tensor:
    """The Siamese cosine of vectors that are their own predictions."""
    objective = Siamese(anchor.shape[1])
    objective.predictor = nn.Identity()
    return objective(anchor, positive)


def setup(encoder: Any) -> Setup:
    """A training whose objective takes negatives; its encoder is any module."""
    encoder.dim = 1
    examples = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    return Setup(encoder, examples, {"negative": False})


def averaged(start: Tensor, weights: Tensor, *, decay: float) -> Tensor:
    """The teacher's weight after the student has taken each of `weights` (steps, ...) in turn."""
    student = nn.Linear(start.shape[1], start.shape[0], bias=False)
    student.weight.data = start.clone()
    teacher = Teacher(decay=decay)
    teacher.bind(setup(student))
    for weight in weights:
        student.weight.data = weight.clone()
        teacher.after_step()
    return teacher.encoder.weight.data


def queued(keys: Tensor, *, size: int) -> Tensor:
    """The queue, oldest first, that the last of the batches keys (steps, n, d) is shown."""
    queue = Queue(size)
    queue.bind(setup(nn.Linear(1, 1)))
    shown: dict[str, Tensor] = {}
    for batch in keys:
        shown = queue.before({"anchor": batch, "positive": batch})
        queue.after_step()
    return shown["negative"].double()


ADDRESSES: dict[str, Loss | Callable[..., Any]] = (
    {
        "align-uniform-alpha1-t3": loss("align-uniform", alpha=1.0, t=3.0),
        "amcl-positive": amcl_of_positives,
        "amcl": given("phi.weight", objective=AMCL(heads=3, dim=4)),
        "b3": of_recipe("b3"),
        "barlow-twins": loss("barlow-twins", redundancy=0.0051),
        "binomial-deviance": loss("binomial-deviance", beta=40.0),
        "bm25-rank-bm25": numpy(lambda corpus, query: BM25(corpus, k1=1.5, b=0.75).scores(query)),
        "cacr-two-views": loss("cacr"),
        "cacr": loss("cacr"),
        "cadet-distinct": loss("cadet"),
        "circle-pml": loss("circle", temperature=0.0125, margin=0.4),
        "clip-open-clip": loss("infonce", temperature=0.07, learn_temperature=True),
        "clip-rocket-swalip-equal-views": loss("swalip"),
        "clip-rocket-swalip": loss("swalip"),
        "clip-rocket": loss("clip-rocket"),
        "clrcmd": loss("clrcmd"),
        "clusterns-bml-alpha": 0.2222222222222222
        * loss("bidirectional-margin", alpha=0.1, beta=0.2),
        "clusterns-bml": loss("bidirectional-margin", alpha=0.0, beta=0.3),
        "cocosoda": of_recipe("cocosoda"),
        "codiemb-pearson": loss("pearson"),
        "codiemb-preference-ranking": loss("preference-ranking", temperature=0.05),
        "codiemb-rank-kl": loss("rank-kl", temperature=0.05),
        "codiemb-retrieval": loss("infonce", temperature=0.02, symmetric=False),
        "codiemb": loss("codiemb"),
        "contrastive-batch-pml": loss("contrastive-batch", margin=1.0),
        "contrastive-gap-cua": loss("infonce", temperature=0.01) + loss("align-uniform"),
        "contrastive-gap-cuaxu": loss("infonce", temperature=0.01)
        + loss("align-uniform")
        + loss("cross-uniformity"),
        "contrastive-st-default": loss("contrastive", margin=0.5, distance="cosine"),
        "contrastive-st": loss("contrastive", margin=1.0),
        "angle-st": loss("angle"),
        "arcface-pml": given("weights", objective=ArcFace(4, 5, margin=math.radians(28.6))),
        "cosface-pml": given("weights", objective=CosFace(4, 5)),
        "fast-ap-pml": loss("fast-ap", bins=5),
        "margin-pml": loss("margin-loss"),
        "smooth-ap-pml": loss("smooth-ap", temperature=0.1),
        "proxy-anchor-pml": given("weights", objective=ProxyAnchor(4, 5)),
        "cosine-similarity-st": loss("cosine-regression"),
        "gist-st": loss("gist", temperature=0.05),
        "gist-st-negatives": loss("gist", temperature=0.05, margin=0.1),
        "mega-batch-margin-st": loss("mega-batch-margin"),
        "online-contrastive-st": loss("online-contrastive", reduction="sum"),
        "cosent-st": loss("cosent", temperature=0.05),
        "csgcl-gamma0.3": loss("team-up", temperature=0.4, gamma=0.3),
        "csgcl": loss("team-up", temperature=0.4, gamma=1.0),
        "dcl-dclw-lightly": loss("dclw", temperature=0.1, sigma=0.5, detach=True),
        "dcl-dclw": loss("dclw", temperature=0.1, sigma=0.5),
        "dcl": loss("dcl", temperature=0.1),
        "dclr": Released(temperature=0.05, threshold=0.5).double(),
        "degla-anchor-major": loss("degla", local=0.1, distil=0.03),
        "degla-no-local": loss("degla", local=0.0, distil=0.03),
        "degla-slot-major": loss("degla", local=0.1, distil=0.03),
        "diht-hn-nce-medclip": 2 * loss("hn-nce"),
        "dse-classes": dse,
        "dse-graded": dse,
        "esimcse": loss("infonce", temperature=0.05, symmetric=False),
        "evaluation-alignment": numpy(lambda x, y: alignment(x, y)),
        "evaluation-best-threshold-f1": numpy(best_threshold),
        "evaluation-hubness-occurrence": numpy(lambda x: hubness(x, k=3).occurrence),
        "evaluation-hubness-skewness": numpy(lambda x: hubness(x, k=3).skewness),
        "evaluation-isoscore": numpy(lambda x: iso_score(Moments.of(x))),
        "evaluation-knn-majority": numpy(
            lambda train, labels, test: knn_labels(train, labels, test, k=3)
        ),
        "evaluation-knn-weighted": numpy(
            lambda train, labels, test: knn_labels(train, labels, test, k=5)
        ),
        "evaluation-map-100-ranx": partial(metric, name="MAP@100"),
        "evaluation-map-100-trec": partial(metric, name="MAP@100"),
        "evaluation-mrr-10-ranx": partial(metric, name="MRR@10"),
        "evaluation-ndcg-10-ranx": partial(metric, name="nDCG@10"),
        "evaluation-nmi-geometric": numpy(lambda values, weights: agreement(values)(weights)[0][1]),
        "evaluation-recall-1-ranx": partial(metric, name="Recall@1"),
        "evaluation-recall-10-ranx": partial(metric, name="Recall@10"),
        "evaluation-recall-10-trec": partial(metric, name="Recall@10"),
        "evaluation-uniformity": numpy(lambda x: uniformity(x)[0]),
        "evaluation-v-measure": numpy(lambda values, weights: agreement(values)(weights)[0][0]),
        "gml-temperature": loss("gml", temperature=0.1, counts=[60.0, 30.0, 10.0]),
        "gram-3": loss("gram"),
        "gram-4": loss("gram"),
        "groco-2-views": loss("groco", k=4),
        "groco-3-views": loss("groco", k=4),
        "gte-kalm-expanded": loss("gte", temperature=0.05),
        "gte-st-negatives": lambda **inputs: GTE(0.05)(
            **inputs, rows=torch.arange(6), negative_rows=torch.arange(6)
        ),
        "gte-st": loss("gte", temperature=0.01),
        "hydra": gated,
        "infonce-st": loss("infonce", temperature=0.05, symmetric=False),
        "infonce-symmetric-st": loss("infonce", temperature=0.05),
        "isogclr-modalities": 2
        * loss(
            "isogclr", temperature=0.2, rho=0.1, eta=0.01, modalities=True, lowest=0.005
        ).over_steps(6, "tau"),
        "isogclr": 2 * loss("isogclr", temperature=0.2, rho=0.3, eta=0.01).over_steps(6, "tau"),
        "kalm-infonce": loss("infonce", temperature=0.05, symmetric=False),
        "kalm-matryoshka": 3
        * wrapped(Matryoshka, loss("infonce", temperature=0.05, symmetric=False), dims=[2, 4]),
        "kernel-infonce-laplacian-eps0": loss("kernel-infonce", mix=1.0),
        "kernel-infonce-laplacian": loss("kernel-infonce", mix=1.0),
        "kernel-infonce-product": loss("kernel-infonce", concatenate=True),
        "kernel-infonce-sum-eps0": loss("kernel-infonce"),
        "kl-listwise-st": 4 * loss("kl-listwise", temperature=2.0, teacher_temperature=2.0),
        "late-interaction-colbert": loss("late-interaction", temperature=0.5),
        "lifted-balanced-pml": loss("lifted", margin=1.0),
        "lifted-pml": loss("lifted", margin=1.0),
        "listmle-eps0": loss("listmle", temperature=0.05),
        "listmle-st": loss("listmle"),
        "listmle": loss("listmle", temperature=0.05),
        "listnet-st": loss("listnet"),
        "llm-embedder-kl": loss("kl-listwise", temperature=0.01, teacher_temperature=0.1),
        "llm-embedder-unsorted": loss("stable-distill"),
        "logit-adjusted": given("weights", "prior", objective=LogitAdjusted([1.0] * 3, 5)),
        "macl-images": loss("macl"),
        "macl-one-direction": loss("macl", one_way=True),
        "macl-sentences": loss("macl", temperature=0.05, alpha=2.0, threshold=0.8),
        "margin-mse-st": loss("margin-mse"),
        "matryoshka-st-times3": 3
        * wrapped(Matryoshka, loss("infonce", temperature=0.05, symmetric=False), dims=[2, 4]),
        "matryoshka-st": wrapped(
            Matryoshka, loss("infonce", temperature=0.05, symmetric=False), dims=[2, 4]
        ),
        "metrix-multi-similarity": loss("multi-similarity", epsilon=10.0) + 0.4 * loss("metrix"),
        "mining-min-score": mined(least=0.1),
        "mining-relative-margin": mined(share=0.95),
        "mining-skip-and-max-score": mined(skip=2, most=0.4),
        "mining-skip": mined(skip=2),
        "moco-momentum": partial(averaged, decay=0.9),
        "moco-queue": partial(queued, size=6),
        "moco": loss("queue-infonce", temperature=0.2),
        "moe-sentence-similarity-dot": loss("infonce", temperature=1.0),
        "moe-sentence-similarity-routing": routed,
        "moe-sentence-similarity": loss("infonce", temperature=1.0),
        "mv-every-pair-ntxent": wrapped(EveryPair, loss("ntxent", temperature=0.1)),
        "mv-infonce": loss("mv-infonce", temperature=0.2),
        "n-pair-pml-cosine": loss("n-pair", l2=0.0),
        "poly-view-arithmetic": loss("poly-view", temperature=0.1, mode="arithmetic"),
        "poly-view-geometric": loss("poly-view", temperature=0.1),
        "promcse": loss("infonce", temperature=0.05, symmetric=False)
        + 10 * loss("energy-hinge", margin=0.2),
        "prototypical": loss("prototypical"),
        "rank-n-contrast-continuous": loss("rank-n-contrast", temperature=2.0),
        "rank-n-contrast-ties": loss("rank-n-contrast", temperature=2.0),
        "ranking-sentence-gen-order": partial(order_refined, omega=0.5),
        "ro-vit-gamma1": loss("focal-sigmoid", gamma=1.0),
        "ro-vit-gamma2": loss("focal-sigmoid", gamma=2.0),
        "sct": loss("sct"),
        "siamese-lightly": without_predictor,
        "siglip-big-vision": loss("siglip"),
        "siglip-open-clip-bias0": loss("siglip", temperature=0.2, bias=0.0),
        "consert": 2 * loss("ntxent", temperature=0.1),
        "simclr-ntxent-google-times2": 2 * loss("ntxent", temperature=0.1),
        "simclr-ntxent-google": loss("ntxent", temperature=0.1),
        "simclr-ntxent-htdt": loss("ntxent", temperature=0.1),
        "simcse": loss("infonce", temperature=0.05, symmetric=False),
        "sogclr-modalities": 2
        * loss("sogclr", temperature=0.1, modalities=True).over_steps(6, "log_u"),
        "sogclr": 2 * loss("sogclr", temperature=0.1).over_steps(6, "log_u"),
        "sorting-network-1": lambda x: odd_even_sort(x, steepness=1.0)[0],
        "sorting-network-10": lambda x: odd_even_sort(x, steepness=10.0)[0],
        "supcon-base-temperature-weighted": 1.4285714285714286 * loss("supcon", temperature=0.1),
        "supcon-base-temperature": loss("supcon", temperature=0.1),
        "supcon-no-labels": loss("supcon", temperature=0.07),
        "supcon-out": loss("supcon", temperature=0.07),
        "supcon-singleton": loss("supcon", temperature=0.07),
        "swav-raw-prototypes": given("prototypes", objective=SwAV(5, 7)),
        "swav-sinkhorn": lambda scores: sinkhorn(scores, temperature=0.5, iterations=3).softmax(-1),
        "swav": lambda views, prototypes: given("prototypes", objective=SwAV(5, 7))(
            views=views, prototypes=F.normalize(prototypes)
        ),
        "sycl-cosine": loss("sycl", temperature=0.05, normalize=True),
        "sycl": loss("sycl"),
        "triplet-batch-active-pml": loss(
            "triplet-batch", margin=0.2, mining="active", distance="squared"
        ),
        "triplet-batch-active-st": loss(
            "triplet-batch", distance="euclidean", margin=0.3, mining="active"
        ),
        "triplet-batch-all-balanced-pml": loss(
            "triplet-batch", margin=0.2, mining="all", distance="squared"
        ),
        "triplet-batch-all-pml": loss(
            "triplet-batch", margin=0.2, mining="all", distance="squared"
        ),
        "triplet-batch-hard-pml": loss(
            "triplet-batch", margin=0.2, mining="hard", distance="euclidean"
        ),
        "triplet-batch-hard-st": loss(
            "triplet-batch", distance="euclidean", margin=0.3, mining="hard"
        ),
        "triplet-batch-semi-hard-st": loss(
            "triplet-batch", distance="euclidean", margin=0.3, mining="semi-hard"
        ),
        "triplet-batch-soft-st": loss(
            "triplet-batch", distance="euclidean", margin=None, mining="hard"
        ),
        "vicreg-lightly": loss("vicreg"),
        "vicreg": loss("vicreg"),
        "transliteration-alignment-study-tcm-cosine": 0.5 * loss("ntxent", temperature=1.0),
        "w-mse": loss("w-mse"),
        "whitenedcse-epsilon": loss("whitenedcse", groups=3).evaluating(),
        "whitenedcse": loss("whitenedcse", groups=3, epsilon=0.0).evaluating(),
        "zerovl-image": coin_mixed("anchor"),
        "zerovl-text": coin_mixed("positive"),
    }
    | PREFERENCES
    | TEXT
    | LANGUAGE
    | LANGUAGES
    | WORDS
)
