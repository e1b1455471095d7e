"""CADET: a teacher's whole list teaches a strong retriever what made queries alone would not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from dipole.studies.benches.texts import docstrings, minilm
from dipole.studies.claim import AtLeast, Claim, Inequality
from dipole.studies.loops import descend
from dipole.systems.base import System

TYPES = ("title", "sentence", "keywords", "question")
LIST, BATCH, STEPS, RATE, RANK = 20, 64, 80, 1e-3, 64
TEMPERATURES = (0.01, 0.05)  # of InfoNCE: the paper's, and this library's


@dataclass(frozen=True)
class Lists:
    """Made queries of one type with what the teacher says: the source is the first candidate."""

    vectors: Tensor  # (n, d)
    documents: Tensor  # (n, LIST), numbers of documents
    scores: Tensor  # (n, LIST), 0 to 1


@dataclass(frozen=True)
class Material:
    """Frozen vectors of the corpus and of real queries, their judgements, and lists by type."""

    corpus: Tensor
    queries: Tensor
    qrels: dict[str, dict[str, int]]
    lists: dict[str, Lists]
    teacher: np.ndarray  # (real queries, documents), the teacher's scores


@cache
def material(quick: bool) -> Material:
    """Cranfield, or in a quick run docstrings and code, through the frozen tower."""
    from dipole.lexical.bm25 import BM25

    texts, asked, qrels = collection(quick)
    tower = minilm(quick, max_length=64)
    corpus = torch.from_numpy(tower.encode(texts))
    index = BM25({str(i): text for i, text in enumerate(texts)})

    def scored(queries: list[str]) -> tuple[Tensor, np.ndarray]:
        """Vectors of queries, and of every document the cosine and BM25, deviations added up."""
        vectors = torch.from_numpy(tower.encode(queries, role="query"))
        words = np.stack([index.scores(query) for query in queries])
        cosines = (vectors @ corpus.T).numpy()
        return vectors, words / words.std() + cosines / cosines.std()

    lists = {}
    for kind, made in made_queries(texts).items():
        vectors, scores = scored(made)
        lists[kind] = kept(vectors, scores)
    queries, teacher = scored(asked)
    return Material(corpus, queries, qrels, lists, teacher)


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


def kept(vectors: Tensor, scores: np.ndarray) -> Lists:
    """The lists of queries whose source the teacher ranks first, save for the least certain.

    Scores become (t - P1) / (P99 - P1), cut to 0 and 1, percentiles over all lists; queries whose
    best is below the 25th percentile of the best are left out.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :LIST]
    listed = np.take_along_axis(scores, best, axis=1)
    low, high = np.percentile(listed, (1, 99))
    first = (best[:, 0] == np.arange(len(best))) & (listed[:, 0] >= np.percentile(listed[:, 0], 25))
    rows = np.flatnonzero(first if first.sum() >= 2 else np.ones_like(first))
    said = np.clip((listed - low) / (high - low), 0, 1)
    return Lists(vectors[rows], torch.from_numpy(best[rows]), torch.from_numpy(said[rows]).float())


class Turned(nn.Module):
    """v + U D v of both queries and documents, of a low rank; at first v itself."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, RANK, bias=False), nn.Linear(RANK, dim, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """(n, d) -> (n, d), of length 1."""
        found: Tensor = nn.functional.normalize(vectors + self.up(self.down(vectors)), dim=-1)
        return found


Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def contrast(temperature: float) -> Loss:
    """InfoNCE: the source is the positive, all other candidates of the batch are negatives."""
    from dipole.objectives import InfoNCE

    objective = InfoNCE(temperature, symmetric=False)

    def loss(anchor: Tensor, candidates: Tensor, _: Tensor, ids: Tensor) -> Tensor:
        others, other_ids = candidates[:, 1:].flatten(0, 1), ids[:, 1:].flatten()
        found: Tensor = objective(
            anchor, candidates[:, 0], others, ids=ids[:, 0], negative_ids=other_ids
        )
        return found

    return loss


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """nDCG@10 of each real query, in points."""
    from dipole.objectives import Cadet

    m = material(quick)
    arms: dict[str, tuple[Loss, tuple[str, ...]]] = {"cadet": (Cadet(), TYPES)}
    arms |= {f"infonce {t}": (contrast(t), TYPES) for t in TEMPERATURES}
    arms |= {f"cadet, {kind}": (Cadet(), (kind,)) for kind in TYPES}
    found = {
        "base": ndcg((m.queries @ m.corpus.T).numpy(), m.qrels),
        "teacher": ndcg(m.teacher, m.qrels),
    }
    for name, (loss, kinds) in arms.items():
        torch.manual_seed(seed)
        head = Turned(m.corpus.shape[1])
        losses = losses_of(head, m, loss, kinds, seed, 3 if quick else STEPS)
        descend(head.parameters(), losses, learning_rate=RATE)
        with torch.no_grad():
            found[name] = ndcg((head(m.queries) @ head(m.corpus).T).numpy(), m.qrels)
    return found


def losses_of(
    head: Turned, m: Material, loss: Loss, kinds: tuple[str, ...], seed: int, steps: int
) -> Iterator[Tensor]:
    """Of random batches, with an equal share of every type of query."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        parts = []
        for kind in kinds:
            made = m.lists[kind]
            rows = rng.choice(len(made.vectors), min(BATCH // len(kinds), len(made.vectors)), False)
            parts.append((made.vectors[rows], made.documents[rows], made.scores[rows]))
        vectors, documents, scores = (torch.cat(part) for part in zip(*parts, strict=True))
        turned = head(m.corpus)  # of the whole corpus: fewer rows than those of all lists
        yield loss(head(vectors), turned[documents], scores, documents)


def ndcg(scores: np.ndarray, qrels: dict[str, dict[str, int]]) -> np.ndarray:
    """100 nDCG@10 of every judged query, of scores (queries, documents)."""
    from dipole.evaluation.tasks.retrieval import evaluate_run

    best = np.argsort(-scores, axis=1, kind="stable")[:, :100]
    run = {str(i): {str(j): float(scores[i, j]) for j in row} for i, row in enumerate(best)}
    return 100 * np.asarray(evaluate_run(run, qrels).per_item["nDCG@10"])


SYSTEM = System(
    id="cadet",
    paper=(
        "Tamber et al. 2025, Conventional Contrastive Learning Often Falls Short: Improving Dense"
        " Retrieval with Cross-Encoder Listwise Distillation and Synthetic Data, arXiv 2505.19274"
    ),
    claim=Claim(
        sentence=(
            "A retriever that is strong already learns its corpus from a teacher's lists of made "
            "queries, where contrast alone does not help, and more from several types of queries."
        ),
        experiment=experiment,
        seeds=3,
        holds=[
            AtLeast("cadet", "base"),
            *(AtLeast("cadet", f"infonce {t}", by=1.0) for t in TEMPERATURES),
            Inequality(
                {"cadet": 1.0} | {f"cadet, {kind}": -1 / len(TYPES) for kind in TYPES},
                least=0.0,
                on="value",
                says="cadet, all types >= mean of single types",
            ),
        ],
        notes=(
            "The corpus and the questions of Cranfield, texts cut after 64 tokens; no real question"
            " is trained on. Queries are made without a language model, one of each type for each"
            " document: its title, a sentence, its four words of the largest tf idf, a question"
            " around these. The teacher is no cross-encoder but the sum of BM25 and MiniLM's"
            " cosine, each divided by its deviation; lists, normalisation and filters are the"
            " paper's. The student is a frozen all-MiniLM-L6-v2 with a trained map of rank 64 for"
            " questions and documents alike. All arms see as many queries in as many steps; InfoNCE"
            " has the same lists, their other candidates as negatives of all, at two temperatures."
            " Does InfoNCE hurt, as the paper found? Compare it with the base in the table."
        ),
    ),
)
