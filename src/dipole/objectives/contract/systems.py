"""Which objective is the loss of which system, as one would write it.

Objectives that are one system's own carry its id (`system=` of `register`); here stands what a
sum, a setting or another system's objective already says, so that no equation is written twice.
"""

from __future__ import annotations

# Id of a system -> the calls, with names of `dipole.objectives`, and what is fed to which input.
SYSTEMS: dict[str, tuple[str, str]] = {
    "align-uniform": ("AlignmentUniformity()", ""),
    "amcl": ("AMCL()", "vectors of all heads side by side"),
    "cacr": ("CACR()", ""),
    "cadet": ("Cadet()", "`teacher_scores` of a cross-encoder"),
    "clip-rocket": (
        "CLIPRocket()",
        "baselines: InfoNCE(0.07, learn_temperature=True) with 0.025 * BarlowTwins() (BarLIP), "
        "2 * Siamese() (SiamLIP) or 0.2 * SwALIP()",
    ),
    "clrcmd": ("RelaxedMover()", "tokens"),
    "clusterns": (
        "InfoNCE(0.05, symmetric=False) + 1e-3 * BidirectionalMargin(alpha=0.0, beta=0.3)",
        "`negative`: every anchor's second-nearest centroid; `labels`: clusters",
    ),
    "cocosoda": (
        "InfoNCE(0.07, symmetric=False)",
        "the mean of four: text and code against each other and against a momentum encoder's "
        "masked keys, each with a queue of its own",
    ),
    "codiemb": (
        "CoDiEmb()",
        "retrieval batches: InfoNCE(0.02, symmetric=False), once per positive, with `negative`",
    ),
    "contrastive-gap": (
        "InfoNCE(0.01) + AlignmentUniformity() + CrossUniformity()",
        "CUAXU; without the last term CUA",
    ),
    "crl-review": (
        "Contrastive()",
        "the review's families: BatchContrastive, Triplet, BatchTriplet, NPair, Sigmoid (NCE), "
        "InfoNCE",
    ),
    "csgcl": ("TeamUp(0.4, gamma=1.0)", "`scores`: strength of each node's community"),
    "cwcl": ("CWCL()", "`positive`: the frozen modality"),
    "dcl": ("DCL()", "weighted: DCLW"),
    "dclr": ("DCLR()", "`negative`: noise; `teacher_scores` of a frozen encoder"),
    "debcse": (
        "InfoNCE(0.05, symmetric=False)",
        "`positive` and `negative` drawn by inverse propensity; the bias is treated there",
    ),
    "degla": ("DeGLA()", "`candidates`: own wrong captions"),
    "diht": ("HNNCE()", ""),
    "dse": ("DSE()", "`teacher_scores`: logits of a cross-encoder"),
    "esimcse": (
        "InfoNCE(0.05, symmetric=False)",
        "`negative`: the queue of a momentum encoder; views with repeated words",
    ),
    "gcl-marqo": (
        "WeightedInfoNCE()",
        "`scores` of the pairs; a term per field: the same objective on that field's vectors",
    ),
    "gml-long-tail": (
        "GML(counts=[600, 60, 6]) + LogitAdjusted([600, 60, 6])",
        "`support`: a queue of keys with their classes; counts of your classes",
    ),
    "gram": ("GRAM()", "pairwise sums over modalities: Modalities"),
    "groco": ("GroCo()", ""),
    "gte": ("GTE()", "`negative_rows`: whose hard negatives they are"),
    "hydra": ("Hydra()", "any pair is positive; `gated=False` is the control"),
    "infonce": ("InfoNCE()", ""),
    "isogclr": (
        "ISogCLR()",
        "`rows`; two modalities: modalities=True; one temperature for all: SogCLR",
    ),
    "kalm-embedding-v2": (
        "FocalInfoNCE(0.01, gamma=0.5, detach=True, symmetric=False)",
        "`negative`: everybody's hard negatives; `candidates`: own mixtures",
    ),
    "kernel-infonce": ("KernelInfoNCE()", ""),
    "llm-embedder": (
        "StableDistill()",
        "`teacher_scores`: log-likelihood gains; tasks of its other kinds: InfoNCE(0.01), "
        "KLListwise(0.01, 0.1)",
    ),
    "macl": ("MACL()", "sentences: MACL(0.05, alpha=2.0, threshold=0.8, one_way=True)"),
    "metrix": ("MultiSimilarity() + 0.4 * Metrix()", "`candidates`: mixtures"),
    "mochi": ("QueueInfoNCE()", "`negative`: a queue; `candidates`: its mixtures"),
    "moco-dual-hard": ("DualQueue(hardest=512)", "an eighth of the queue"),
    "multi-similarity": (
        "MultiSimilarity()",
        "beside it Lifted, BinomialDeviance, Circle; any pair loss as weights: `pair_weighting`",
    ),
    "mv-dhel": ("MVDHEL()", "and MVInfoNCE"),
    "poly-view": ("PolyView()", ""),
    "promcse": (
        "InfoNCE(0.05, symmetric=False) + 10.0 * EnergyHinge(margin=0.2)",
        "supervised; without labels the first alone",
    ),
    "proto-triplet-icnn": ("Prototypical() + ProtoTriplet()", "or with ICNN"),
    "ranking-sentence-gen": (
        "ListMLE(0.05)",
        "`relevance`: `listmle.order_refined` of a teacher's similarities",
    ),
    "ro-vit": ("FocalSigmoid()", ""),
    "sct": (
        "SCT()",
        "`teacher_anchor`, `teacher_positive` of the encoder itself or a larger one; `queue`",
    ),
    "siglip": ("Sigmoid()", ""),
    "simclr": ("NTXent()", ""),
    "softmask-vl": (
        "FocalInfoNCE(gamma=2.0)",
        "the contrast; matching and masking are no contrast",
    ),
    "sparc": ("SPARC()", "patches and words; `token_ids` mask repeated words"),
    "ssl-generalization": ("BarlowTwins()", "the cross-correlation loss it analyses"),
    "supcon": ("SupCon()", 'the other form: SupCon(variant="in")'),
    "supremix": (
        "SupReMix()",
        "`scores`; baselines: RankNContrast (SupCR), SupCon on binned labels",
    ),
    "swav": ("SwAV()", ""),
    "sycl": ("Wasserstein()", "compared with ListNet, KLListwise and graded InfoNCE (`relation`)"),
    "whitenedcse": ("WhitenedCSE(dim=768)", "a learnt layer behind the whitening; beside it WMSE"),
}
