"""What every part, option and term of a recipe is changed to, so that it shows in the weights."""

from functools import partial

from support.switching import GONE, transformer

# What small data need.
SMALL = {
    "awesome-align": {"parts/2/WordStates/layer": 1, "parts/3/PairCheck/layer": 1},
    "shifcon": {
        "objective_options/ShiftedContrast.first": 1, "objective_options/ShiftedContrast.last": 3,
    },
    "b3": {"sampler_options": {"community": 4, "skip": 2, "neighbours": 20}},
    "clusterns": {"parts/0/centroids/count": 4, "parts/0/centroids/start": 1.0},
    "debcse": {"stages/0/epochs": GONE, "stages/1/epochs": GONE},
    "dse": {"parts": [{"teacher": {"model": "bm25"}}]},
    "g-simclr": {"stages/1/sampler_options/clusters": 8},
    "gte": {  # enough to see how often a source comes
        "max_steps": 8, "stages/0/batch_size": 4, "stages/1/batch_size": 4,
    },
    "isogclr": {"max_steps": 6},  # it remembers every example
    "matryoshka-2d": {"matryoshka": [8, 16]},
    "micse": {"objective_options/first": 0, "objective_options/last": 1},
    "multi-similarity": {"sampler_options/per_class": 2},
    "multicsr": {"mine/least": -5.0, "mine/most": 5.0, "objective_options/threshold": 0.3},
    "proto-triplet-icnn": {
        "batch_size": 16, "sampler_options/per_class": 4, "parts/0/Episode/shots": 1,
    },
}  # fmt: skip
# Data that are not of the first kind that a recipe is for.
KINDS = {
    ("cadet", "mine"): "pairs",
    ("kalm-embedding-v2", "parts/0"): "negatives",
    ("kalm-embedding-v2", "parts/0/OwnMixtures/pairs"): "negatives",
    ("zerovl", ""): "pairs",
}


def of_more(stage):
    """Of four answers the best and the worst."""
    return {f"stages/{stage}/mine/samples": 4, f"stages/{stage}/mine/choose": "ends"}


# A reward of answers, below.
LENGTHS = f"{__file__}:lengths"
FIRST = "dipole.systems.vision.g_simclr:Denoise"
# What stands at a place, where `instead` does not know or a few steps do not notice.
OTHERWISE = {
    "afp": {
        "objective/0": {"objective/0": GONE, "parts/0": GONE},
        "objective/1": {"objective/1": GONE, "parts/1": GONE},
        "parts/0/LayerVectors/pooling": "mean",
        "parts/1/NextWords/columns": "anchor",
    },
    "awesome-align": {
        **{f"objective/{n}": {f"objective/{n}": GONE, f"parts/{n}": GONE} for n in range(4)},
        "parts/0/MaskedColumns/columns": "anchor",
    },
    "infoxlm": {
        "encoder_options/pooling": "mean",
        "parts/0/MaskedColumns/columns": "anchor",
    },
    "shifcon": {
        "objective/1": {"objective/1": GONE, "parts/0": GONE},
        "objective_options/ShiftedContrast.last": 2,
        "parts/0/NextWords/columns": "anchor",
    },
    "transliteration-alignment-study": {
        "encoder_options/pooling": "cls",
        "view/0": "word-deletion*1",
        "view/1": "word-deletion*1",
        "objective/2": {"objective/2": GONE, "parts/1": GONE},
        "parts/0/MaskedColumns/columns": "anchor",
    },
    "amcl": {
        "encoder_options/head": 8,
        "objective_options/dim": {"objective_options/dim": 8, "parts/0/Heads/dim": 8},
    },
    "ampo": {"mine/choose": "bottom", "mine/reward": LENGTHS},
    "b3": {"sampler_options/community": 2},
    "cadet": {"objective_options/doubt": 0.3},
    "clear": {
        "encoder_options/last": 2,
        "encoder_options/pooling": "mean",
        "objective/1": {"objective/1": GONE, "parts/0": GONE},
        "parts/0/masked-words/share": 0.9,
    },
    "clha": {"mine/reward": LENGTHS, "objective_options/margin": 1e-6},
    "clusterns": {"parts/0/centroids/start": 0.01},
    "cocosoda": {  # the view of a side that nobody asks for would stand in its place
        "objective/1": {"objective/1": GONE, "view/1": GONE},
        "objective/3": {"objective/3": GONE, "view/0": GONE, "view_options": GONE},
        "view/0": {"view/0": "anchor=same", "view_options": GONE},
        "view_options/anchor.operations/0": "replace",
    },
    "compcse": {  # the texts of this test are too short to be cut
        "view/1": "word-deletion",
        "view/2": "word-deletion",
        "parts/0/Composed/dims": 4,
    },
    "coin": {
        "objective/2": {"objective/2": GONE, "combine": "weights", "temperature": GONE},
        "combine": "weights",
    },
    "compo": {"stages/0/mine/keep": "noisy", "stages/1/mine/keep": "clean"},
    "cpo-translation-study": {"mine/choose": "random", "mine/reward": LENGTHS},
    "nca": {"objective_options/alpha": 0.5},
    "consert": {
        "encoder_options/join": "concat",
        "view/0": {"view/0": "same", "view_options": GONE},
    },
    "curl-theory": {
        "objective_options/block": {"objective_options/block": 1, "sampler_options/block": 1},
        "sampler_options/block": {"objective_options/block": 3, "sampler_options/block": 3},
    },
    "d2o": {"mine/keep": "all"},
    "dclr": {
        "stages/1/parts/0/teacher/model": transformer,
    },
    "declutr": {
        "objective/0": {"objective/0": GONE, "parts/1": GONE},
        "encoder_options/pooling": "cls",
        "mine/longest": 1,
    },
    "denosent": {
        "encoder_options/template": "[X] means [MASK] again.",
        "encoder_options/max_length": 4,
        "encoder_options/head": {"encoder_options/head": GONE},
        "view/0": "word-shuffle*1",
        "view/1": "word-deletion*1",
        "objective/1": {"objective/1": GONE, "parts/0": GONE},
        "parts/0/Rebuilder/noise": 0.1,
    },
    "defsent-plus": {
        "encoder_options/last": 2,
        "encoder_options/pooling": "mean",
        "stages/0/parts/0/Entries/pooling": "mean",
        "stages/1/parts/0/Entries/pooling": "mean",
        "stages/1/parts/0/Entries/model": transformer,
    },
    "diffcse": {
        "encoder_options/last": {"encoder_options/last": 2, "encoder_options/join": "mean"},
        "encoder_options/pooling": "mean",
        "encoder_options/max_length": 4,
        "view/0": "word-deletion",
        "objective/1": {"objective/1": GONE, "parts/1": GONE},
        "parts/1/Discriminated/share": 0.9,
    },
    "diht": {"objective_options/alpha": 0.5},
    "dse": {"encoder_options/join": "mean"},
    "embedding-adapters-domain": {"adapter_options/placement": "feed-forward"},
    "esimcse": {
        "parts/1/teacher/makes": {
            "parts/1/teacher/makes": "positives", "parts/0/queue/holds": "positive",
        },
    },
    "g-simclr": {
        "stages/0/step": {FIRST: {"noise": 2.0}},
        "stages/0/view/0": "simclr",
        "stages/1/sampler_options/model": GONE,
    },
    "gcl-marqo": {"objective_options/weight_of": "constant"},
    "gml-long-tail": {
        "objective/0": {"objective/0": GONE, "parts/2": GONE, "parts/1": GONE},
        "objective_options/gml.counts": GONE,
    },
    "isogclr": {"objective_options/gamma": 0.5},
    "lm-supcon": {
        # Without demonstrations the first prompt is the encoder's own.
        "encoder_options/template": {
            "encoder_options/template": "[X] means [MASK].", "view/0": "same*1",
        },
        "view/0": "word-shuffle*1",
        "objective/0": {"objective/0": GONE, "parts/1": GONE},
    },
    "online-offline-gap": {
        "parts/0/reference/model": GONE,
        **{f"stages/{stage}/mine/reward": LENGTHS for stage in (0, 1)},
        **{f"stages/{stage}/mine/samples": of_more(stage) for stage in (0, 1)},
    },
    "real-pairs": {"mine/choose": "alike"},
    "selfie-spa": {
        "stages/1/mine/reward": LENGTHS, "stages/1/mine/judge": GONE,
        "stages/1/mine/samples": of_more(1),
    },
    "metrix": {"objective/1": {"objective/1": GONE, "parts/0": GONE}},
    "multi-similarity": {"sampler_options/per_class": 4},
    "multicsr": {
        "mine/least": 2.0, "mine/most": 1.0, "objective_options/threshold": 0.95,
        "parts/0/teacher/kind": {
            "parts/0/teacher/kind": GONE, "parts/0/teacher/model": transformer,
        },
    },
    "proto-triplet-icnn": {"sampler_options/per_class": 2},
    "micse": {
        "encoder_options/last": {"encoder_options/last": 2, "encoder_options/join": "mean"},
        "encoder_options/pooling": "mean",
        "encoder_options/max_length": 4,
        "view/0": "word-deletion",
        "objective/0": {"objective/0": GONE, "parts/0": GONE},
        "objective/1": {
            "objective/1": GONE, "objective_options/first": GONE, "objective_options/last": GONE,
        },
    },
    "prompteol": {
        "encoder_options/template": "[X]",
        "encoder_options/max_length": 4,
        "adapter": GONE,
    },
    "pearl": {"objective/1": {"objective/1": GONE, "parts/0": GONE}},
    "pet-augmentation": {"view/1": {"view/1": "same*1", "view_options": GONE}},
    "promcse": {"objective_options/energy-hinge.margin": 1e-6},
    "quick-thoughts": {"mine/source": "dipole.systems.text.quick_thoughts:apart"},
    "ranking-sentence-gen": {
        "parts/0/teacher/kind": {"parts/0/teacher/kind": GONE, "parts/0/teacher/decay": 0.0},
    },
    "sg-opt": {
        "encoder_options/last": {"encoder_options/last": 2, "encoder_options/join": "mean"},
        "encoder_options/pooling": "mean",
        "view/0": "word-deletion*1",
    },
    "slm-contrastive-ft": {
        "encoder_options/template": "[X]",
        "encoder_options/max_length": 4,
        "adapter": GONE,
        "adapter_options/targets/0": "k_proj",
        "adapter_options/targets/1": "o_proj",
    },
    "sub-sentence-encoder": {"sampler_options/per_class": 4},
    "supcl-seq": {
        "view/0": {"view/0": "same", "view_options": GONE}, "view_options/rates/1": 0.3,
    },
    "swav": {
        "view/0": {"view/0": "same", "view_options": GONE}, "objective_options/still": 0.9,
    },
    "syncse": {
        "encoder_options/pooling": "mean",
        "encoder_options/max_length": 4,
        "parts/0/MaskedColumns/columns": "anchor",
        "objective/1": {"objective/1": GONE, "parts/0": GONE},
    },
    "triple-encoders": {"by_kind/graded/objective_options/distance": "euclidean"},
    "topic-moo": {"encoder_options/vocabulary": 3},
    "whitenedcse": {"objective_options/groups": 4},
}  # fmt: skip
# An episode is of one view, a definition too: a second costs time and changes nothing.
# In a first stage the model in training is the one before it, and three steps later it judges two
# answers as it did.
# Small pairs have no column that names an instruction.
ALIKE = {
    ("coin", "sampler_options/key"),
    ("defsent-plus", "view/0"),
    ("proto-triplet-icnn", "view/0"),
    ("online-offline-gap", "stages/0/mine/judge"),
    ("online-offline-gap", "stages/1/mine/judge"),
}
# A term's part that reads the texts before the tower does moves the draws of its dropout.
_STILL = {"encoder_options/model": partial(transformer, masked=True, dropout=0.0)}
STILL = {"awesome-align": _STILL, "syncse": _STILL}
PLAIN = {"objective": "infonce", "objective_options": GONE}
# What a recipe leaves to the defaults of its objective and parts, and objectives that are near.
BESIDE = {
    "amcl": [
        {"parts/0/Heads/count": 1, "objective_options/heads": 1},
        {"objective_options/beta": 0.0},
        {"objective_options/highest": 0.21},
    ],
    "cacr": [
        {"objective_options/t_positive": 1e-6}, {"objective_options/t_negative": 1e-6},
        {"view": ["simclr*2"]},
    ],
    "cadet": [{"objective_options/contrast": 0.0}],
    "clear": [{"view": ["dipole.systems.text.clear:DeletedSpans"]}],
    "clip-rocket": [{"view": ["anchor=weak", "positive=same"]}],
    "clrcmd": [{"objective": "late-interaction"}],
    "clusterns": [{"parts/0/centroids/every": 1.0}],
    "codiemb": [
        {f"by_kind/graded/objective_options/{term}": 0.0}
        for term in ("pearson_weight", "ranking_weight", "rank_kl_weight")
    ],
    "contrastive-behaviour": [PLAIN],
    "cwcl": [PLAIN],
    "dcl": [{"objective": "ntxent"}],
    "dclr": [
        {"stages/1/parts/1/Noise/count": 2}, {"stages/1/parts/1/Noise/size": 0.5},
    ],
    "degla": [{"parts/0/teacher/decay": 0.0}],
    "grad-cache": [{"batch_size": 4}],
    "dse": [{"parts/0/teacher/model": f"{__file__}:longer"}],
    "gram": [
        {"objective_options/label_smoothing": 0.0}, {"objective_options/learn_temperature": False},
    ],
    "groco": [{"objective_options/k": 2}, {"view": ["simclr*2"]}],
    "hydra": [{"objective_options/gated": False}],
    "isogclr": [{"objective": "sogclr", "objective_options": {"gamma": 0.8}}],
    "kernel-infonce": [{"objective_options/mix": 0.0}],
    "kalm-embedding-v2": [{"objective_options/gamma": 0.0}],
    "macl": [{"objective": "ntxent", "objective_options": GONE}],
    "metrix": [
        {"objective_options/metrix.template": "contrastive"},
        {"parts/0/LabelMixtures/concentration": 200.0},
    ],
    "moco-dual-hard": [{"objective": "queue-infonce", "objective_options": GONE}],
    "multi-similarity": [{"objective_options/epsilon": 0.0}, {"objective_options/beta": 5.0}],
    "mv-dhel": [{"view": ["simclr*2"]}],
    "poly-view": [{"view": ["simclr*2"]}],
    "ranking-sentence-gen": [{"objective_options/omega": 0.0}],
    "sct": [
        {"parts/2/Projections/count": 1}, {"parts/2/Projections/width": 2},
    ],
    "siglip": [{"objective_options/learn": False}],
    "sparc": [{"objective_options/coarse": 0.0}, {"objective_options/fine": 0.0}],
    "supcon": [{"objective": "ntxent"}],
    "supremix": [
        {"objective_options/positives": 0, "objective_options/same": 0.05},
        {"objective_options/negatives": 0}, {"objective_options/window": 0.5},
    ],
    "swav": [{"objective_options/code_temperature": 0.5}],
    "sycl": [{"objective": "listnet"}],
    "whitenedcse": [
        {"objective_options/seed": 1}, PLAIN | {"view": ["same"]},
    ],
}  # fmt: skip
# A weight of 0 -> what a recipe is without what it weighs.
NOTHING = {
    "cadet": (
        {"objective_options/contrast": 0.0},
        {"objective": "kl-listwise", "objective_options": {"teacher_temperature": 0.3}},
    ),
    "diht": (
        {"objective_options/beta": 0.0},
        {"objective": "infonce", "objective_options": {"learn_temperature": True}},
    ),
    "dse": (
        {"objective_options/distil": 0.0},
        {"objective_options/distil": 0.0, "parts": []},
    ),
    "kalm-embedding-v2": (
        {"objective_options/gamma": 0.0},
        {"objective": "infonce", "objective_options": {"symmetric": False}, "parts": []},
    ),
    "kernel-infonce": (
        {"objective_options/mix": 0.0},
        {"objective": "ntxent", "objective_options": GONE, "temperature": 0.1},
    ),
    "macl": ({"objective_options/alpha": 0.0}, {"objective": "dcl", "objective_options": GONE}),
    "peg": (
        {"objective_options/gamma": 0.0},
        {"objective": "infonce", "objective_options": {"symmetric": False}},
    ),
}
# Without these a recipe is no training, and that is said.
NEEDED = {
    ("cadet", "mine"),
    ("declutr", "mine"),
    ("pixel-linguist", "view/0"),
    ("lm-supcon", "encoder_options/normalize"),
    ("triple-encoders", "mine"),
    ("selfie-spa", "stages/1/mine/judge"),
    ("clusterns", "objective/0"),
    ("curl-theory", "sampler"),
}


def lengths(prompts, answers):
    """Longer answers are better."""
    return [[float(len(answer)) for answer in row] for row in answers]


def longer(first, second):
    """A teacher that reads pairs."""
    return [float(len(text)) for text in second]
