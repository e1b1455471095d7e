import numpy as np
import pytest

from dipole.data import RetrievalData, Scored
from dipole.encoders.static_text import StaticText
from dipole.errors import InputError
from dipole.evaluation import evaluate_retrieval, evaluate_sts
from dipole.evaluation.mteb import mteb_model

mteb = pytest.importorskip("mteb")
pytestmark = pytest.mark.slow  # the import alone takes seconds

WORDS = ["parse", "header", "file", "socket", "thread", "json", "date", "sort", "open", "close"]


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, 6)) for _ in range(60)]


@pytest.fixture(scope="module")
def encoder(texts):
    return StaticText.from_texts(texts, texts, dim=16)


def metadata(name, kind, main_score):
    return mteb.TaskMetadata(
        name=name, description="made in the test", reference=None, type=kind, category="t2t",
        dataset={"path": "none/none", "revision": "0"}, modalities=["text"], eval_splits=["test"],
        eval_langs=["eng-Latn"], main_score=main_score, date=("2020-01-01", "2020-01-02"),
        domains=["Web"], task_subtypes=None, license=None, annotations_creators=None, dialect=None,
        sample_creation=None, bibtex_citation="",
    )  # fmt: skip


def scored(texts):
    rng = np.random.default_rng(1)
    rows = []
    for text in texts[:40]:
        same = int(rng.integers(0, 6))  # equal texts would tie, up to rounding
        words, other = text.split(), rng.choice(WORDS, 6)
        rows.append((text, " ".join([*words[:same], *other[same:]]), float(same)))
    return rows


def sts_task(rows):
    from datasets import Dataset
    from mteb.abstasks.sts import AbsTaskSTS

    class LocalSTS(AbsTaskSTS):
        metadata = globals()["metadata"]("LocalSTS", "STS", "cosine_spearman")

        def load_data(self, **kwargs):
            first, second, score = (list(column) for column in zip(*rows, strict=True))
            table = Dataset.from_dict({"sentence1": first, "sentence2": second, "score": score})
            self.dataset = {"default": {"test": table}}
            self.data_loaded = True

    return LocalSTS()


def run(model, task):
    return mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)


def test_sts_by_mteb_is_sts_by_dipole(encoder, texts):
    rows = scored(texts)
    found = run(mteb_model(encoder), sts_task(rows)).task_results[0].scores["test"][0]
    first, second, score = (list(column) for column in zip(*rows, strict=True))
    ours = evaluate_sts(
        encoder, Scored.from_columns({"first": first, "second": second, "score": score})
    )
    for name in ("cosine_spearman", "spearman"):
        assert found[name] == pytest.approx(ours.value("Spearman"), abs=1e-6)
    assert found["pearson"] == pytest.approx(ours.value("Pearson"), abs=1e-6)


def retrieval_task(corpus, queries, qrels, ignore=False):
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval

    class LocalRetrieval(AbsTaskRetrieval):
        metadata = globals()["metadata"]("LocalRetrieval", "Retrieval", "ndcg_at_10")
        ignore_identical_ids = ignore

        def load_data(self, **kwargs):
            documents = [{"id": d, "title": "", "text": text} for d, text in corpus.items()]
            asked = [{"id": q, "text": text} for q, text in queries.items()]
            self.dataset = {
                "default": {
                    "test": {
                        "corpus": Dataset.from_list(documents),
                        "queries": Dataset.from_list(asked),
                        "relevant_docs": qrels,
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    return LocalRetrieval()


def test_retrieval_by_mteb_is_retrieval_by_dipole(encoder, texts):
    rng = np.random.default_rng(2)
    corpus = {f"d{i}": text for i, text in enumerate(dict.fromkeys(texts))}
    queries = {
        f"q{i}": " ".join(rng.permutation(text.split())[:3])
        for i, text in enumerate(list(corpus.values())[:20])
    }
    qrels = {f"q{i}": {f"d{i}": 1} for i in range(20)}
    task = retrieval_task(corpus, queries, qrels)
    found = run(mteb_model(encoder), task).task_results[0].scores["test"][0]
    ours = evaluate_retrieval(encoder, RetrievalData(corpus=corpus, queries=queries, qrels=qrels))
    assert found["ndcg_at_10"] == pytest.approx(ours.value("nDCG@10"), abs=1e-4)


@pytest.mark.parametrize("ignore", [True, False])
def test_queries_that_are_documents_as_mteb_has_them(encoder, texts, ignore):
    """Planted as ArguAna is: every query is a document, and is answered by another one."""
    corpus = {str(i): text for i, text in enumerate(dict.fromkeys(texts))}
    last = len(corpus) // 2 * 2
    words = {q: sorted(text.split()) for q, text in corpus.items()}
    for number in range(0, last, 2):  # the answer has the words of its question, and one more
        corpus[str(number + 1)] = " ".join([*words[str(number)], "close"])
    queries = {str(number): corpus[str(number)] for number in range(0, last, 2)}
    qrels = {q: {str(int(q) + 1): 1} for q in queries}
    task = retrieval_task(corpus, queries, qrels, ignore)
    found = run(mteb_model(encoder), task).task_results[0].scores["test"][0]
    data = RetrievalData(corpus=corpus, queries=queries, qrels=qrels)
    ours = evaluate_retrieval(
        encoder, data, at=[1, 3, 10], measures=["nDCG", "MRR", "Recall", "MAP", "P"],
        ignore_identical_ids=None if ignore else False,
    )  # fmt: skip
    for name, theirs in (
        ("nDCG", "ndcg"), ("MRR", "mrr"), ("Recall", "recall"), ("MAP", "map"), ("P", "precision")
    ):  # fmt: skip
        for k in (1, 3, 10):
            expected = pytest.approx(found[f"{theirs}_at_{k}"], abs=1e-4)
            assert ours.value(f"{name}@{k}") == expected, (name, k)
    assert (ours.value("Recall@1") > 0.9) is ignore


def test_the_protocol(encoder):
    from mteb.models import EncoderProtocol

    model = mteb_model(encoder, "me/small")
    assert isinstance(model, EncoderProtocol)
    assert model.mteb_model_meta.name == "me/small"
    # The same weights, the same results on disk; other weights, others.
    assert model.mteb_model_meta.revision == mteb_model(encoder).mteb_model_meta.revision
    functions = {mteb_model(lambda texts: texts).mteb_model_meta.revision for _ in range(2)}
    assert len(functions) == 2


def test_roles_images_and_cosines():
    seen = []

    def encode(inputs, role):
        seen.append((role, type(inputs[0])))
        return np.ones((len(inputs), 2))

    model = mteb_model(encode)
    from mteb.types import PromptType

    for prompt in (None, PromptType.query, PromptType.document):
        assert model.encode([{"text": ["a"]}, {"text": ["b", "c"]}], prompt_type=prompt).shape == (
            3,
            2,
        )
    assert [role for role, _ in seen[::2]] == ["query", "query", "document"]
    model.encode([{"image": [np.zeros((2, 2), np.uint8)]}])
    assert seen[-1] == ("query", np.ndarray)
    a, b = np.array([[3.0, 4.0], [1, 0]]), np.array([[1.0, 0.0], [0, 2]])
    np.testing.assert_allclose(model.similarity(a, b), [[0.6, 0.8], [1, 0]])
    np.testing.assert_allclose(model.similarity_pairwise(a, b), [0.6, 0])


def test_bad_input(encoder):
    with pytest.raises(InputError, match="name is 'model'; expected owner/model"):
        mteb_model(encoder, "model")
    with pytest.raises(InputError, match="a batch holds audio; expected text or image"):
        mteb_model(encoder).encode([{"audio": [1]}])
    with pytest.raises(InputError, match="1 of 1 input vectors are not finite"):
        mteb_model(lambda texts: np.full((1, 2), np.nan)).encode([{"text": ["a"]}])
