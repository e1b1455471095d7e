"""Objectives by name: `@register(...)` on the class; those of dipole have a line in `OBJECTIVES`.

An objective of your own is known once its file is imported, or by its place: "my_file.py:MyLoss".
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dipole.data.options import check_types
from dipole.errors import InputError
from dipole.kernels.settings import EXECUTORS
from dipole.lookup import close_to, find, nearest
from dipole.objectives.contract.base import Objective

# The published systems: a room above this one, so looked up by its name.
_SYSTEMS = "dipole.systems"
# Registered name -> module:class in this package. A module is imported when its name is used.
OBJECTIVES = {
    "align-uniform": "pairs.align_uniform:AlignmentUniformity",
    "amcl": "pairs.amcl:AMCL",
    "barlow-twins": "dimensions.barlow_twins:BarlowTwins",
    "bidirectional-margin": "labels.bidirectional_margin:BidirectionalMargin",
    "binomial-deviance": "labels.binomial_deviance:BinomialDeviance",
    "cacr": "views.cacr:CACR",
    "cadet": "lists.cadet:Cadet",
    "circle": "labels.circle:Circle",
    "clip-rocket": "views.clip_rocket:CLIPRocket",
    "clrcmd": "tokens.late_interaction:RelaxedMover",
    "codiemb": "graded.codiemb:CoDiEmb",
    "contrastive": "graded.contrastive:Contrastive",
    "contrastive-batch": "graded.contrastive:BatchContrastive",
    "cosent": "graded.cosent:CoSENT",
    "cross-uniformity": "pairs.cross_uniformity:CrossUniformity",
    "cwcl": "pairs.cwcl:CWCL",
    "dcl": "pairs.dcl:DCL",
    "dclr": "pairs.dclr:DCLR",
    "dclw": "pairs.dcl:DCLW",
    "degla": "pairs.degla:DeGLA",
    "dse": "graded.dse:DSE",
    "dual-queue": "pairs.queue_infonce:DualQueue",
    "energy-hinge": "pairs.energy_hinge:EnergyHinge",
    "focal-infonce": "pairs.focal:FocalInfoNCE",
    "focal-sigmoid": "pairs.focal:FocalSigmoid",
    "gml": "sets.gml:GML",
    "gram": "views.gram:GRAM",
    "groco": "views.groco:GroCo",
    "gte": "pairs.gte:GTE",
    "hn-nce": "pairs.hn_nce:HNNCE",
    "hydra": "labels.hydra:Hydra",
    "icnn": "labels.icnn:ICNN",
    "infonce": "pairs.infonce:InfoNCE",
    "isogclr": "pairs.isogclr:ISogCLR",
    "kernel-infonce": "pairs.kernel_infonce:KernelInfoNCE",
    "kl-listwise": "lists.listwise:KLListwise",
    "late-interaction": "tokens.late_interaction:LateInteraction",
    "lifted": "labels.lifted:Lifted",
    "listmle": "lists.listmle:ListMLE",
    "listnet": "lists.listwise:ListNet",
    "logit-adjusted": "sets.gml:LogitAdjusted",
    "macl": "pairs.macl:MACL",
    "margin-mse": "lists.margin_mse:MarginMSE",
    "metrix": "lists.metrix:Metrix",
    "modalities": "views.modalities:Modalities",
    "multi-similarity": "labels.multi_similarity:MultiSimilarity",
    "mv-dhel": "views.multi_view:MVDHEL",
    "mv-infonce": "views.multi_view:MVInfoNCE",
    "n-pair": "pairs.n_pair:NPair",
    "ntxent": "pairs.ntxent:NTXent",
    "pearson": "graded.codiemb:Pearson",
    "peg": "pairs.peg:PEG",
    "poly-view": "views.poly_view:PolyView",
    "preference-ranking": "graded.codiemb:PreferenceRanking",
    "proto-triplet": "sets.prototypical:ProtoTriplet",
    "prototypical": "sets.prototypical:Prototypical",
    "queue-infonce": "pairs.queue_infonce:QueueInfoNCE",
    "rank-kl": "graded.codiemb:RankKL",
    "rank-n-contrast": "labels.rank_n_contrast:RankNContrast",
    "sct": "pairs.sct:SCT",
    "siamese": "pairs.siamese:Siamese",
    "siglip": "pairs.sigmoid:Sigmoid",
    "sogclr": "pairs.isogclr:SogCLR",
    "sparc": "tokens.sparc:SPARC",
    "stable-distill": "lists.stable_distill:StableDistill",
    "supcon": "labels.supcon:SupCon",
    "supremix": "labels.supremix:SupReMix",
    "swalip": "views.clip_rocket:SwALIP",
    "swav": "views.swav:SwAV",
    "sycl": "lists.wasserstein:Wasserstein",
    "team-up": "graded.team_up:TeamUp",
    "triplet": "pairs.triplet:Triplet",
    "triplet-batch": "pairs.triplet:BatchTriplet",
    "vicreg": "dimensions.vicreg:VICReg",
    "w-mse": "dimensions.w_mse:WMSE",
    "weighted-infonce": "graded.weighted_infonce:WeightedInfoNCE",
    "whitenedcse": "views.whitenedcse:WhitenedCSE",
}

_registered: dict[str, type[Objective]] = {}
C = TypeVar("C", bound=type[Objective])


def register(
    name: str,
    *,
    paper: str,
    system: str,
    form: str,
    related: tuple[str, ...] = (),
    rows: bool = True,
    executors: tuple[str, ...] = EXECUTORS,
) -> Callable[[C], C]:
    """Give an objective its name and its source.

    paper: authors, year, title, arXiv number; system: id in the list of systems, or the objective's
    own name where its paper is not in the list; form: the shape of the maths in a few words;
    related: registered names a reader should compare it with; rows: False for one number per batch,
    which has no other reduction than the mean; executors: () for an objective that does not run on
    the pair engine.
    """

    def mark(cls: C) -> C:
        taken = _registered.setdefault(name, cls)
        if (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise InputError(f"register: found '{name}' for {cls}, expected a name not yet taken")
        if cls.__module__.startswith("dipole.") and system != name:
            _check_system(name, system)
        cls.name, cls.paper, cls.system, cls.form, cls.related = name, paper, system, form, related
        cls.rows, cls.executors = rows, executors
        return cls

    return mark


def registered() -> Mapping[str, type[Objective]]:
    """The objectives whose file is imported, by name: those of users too."""
    return _registered


def objective_class(name: str) -> type[Objective]:
    """The class of this name, at `file.py:Class` or `module:Class`, or of an installed package."""
    if name in _registered:
        return _registered[name]
    if name not in OBJECTIVES and (hint := importlib.import_module(_SYSTEMS).hint(name)):
        raise InputError(f"objective: found '{name}', a system; {hint}")
    table = OBJECTIVES | dict.fromkeys(_registered, "")
    found: type[Objective] = find(
        "objective", name, table, base=Objective, package="dipole.objectives"
    )
    return found


def _check_system(name: str, system: str) -> None:
    known = importlib.import_module(_SYSTEMS).ids()
    if system not in known:
        close = close_to(system, known)
        hint = nearest(system, known) if close else "see dipole systems"
        raise InputError(f"register: found system '{system}' of objective '{name}'; {hint}")


def options(cls: type[Objective]) -> dict[str, Any]:
    """Setting -> default of an objective, the common ones last."""
    own = inspect.signature(cls.__init__).parameters
    common = inspect.signature(Objective.__init__).parameters
    named = {n: p for n, p in own.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return {name: p.default for name, p in (named | dict(common)).items() if name != "self"}


def build_objective(name: str, **settings: Any) -> Objective:
    """An objective by its registered name: `build_objective("infonce", temperature=0.05)`.

    Errors: an InputError names an unknown objective or setting and what is close to it.
    """
    cls = objective_class(name)
    known = options(cls)
    for key in settings:
        if key not in known:
            raise InputError(f"{name}: found setting '{key}'; {nearest(key, known)}")
    try:
        made = cls(**settings)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        _check_types(cls, settings, name)
        raise InputError(f"{name}: found settings {settings}, but {error}") from error
    _check_types(cls, settings, name)  # after: what a class itself says of a range is better
    return made


def _check_types(cls: type[Objective], settings: dict[str, Any], name: str) -> None:
    own = inspect.signature(cls.__init__).parameters
    for function, takes in ((cls.__init__, True), (Objective.__init__, False)):
        part = {key: value for key, value in settings.items() if (key in own) == takes}
        check_types(function, part, f"{name}: setting")
