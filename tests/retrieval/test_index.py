from __future__ import annotations

import shutil
import threading
from pathlib import Path
from types import ModuleType

import pytest

from dipole.errors import InputError
from dipole.retrieval import Document, Index, documents, store, weighted_fusion
from dipole.retrieval import table as lance


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, words: ModuleType) -> Path:
    folder = tmp_path_factory.mktemp("base") / "an index: 50%, naïve"
    Index.create(folder, words.Words(), words.numbered(0, 60))
    return folder


@pytest.fixture
def index(base: Path, tmp_path: Path) -> Index:
    """An index of 60 documents of its own."""
    return Index.open(shutil.copytree(base, tmp_path / "copy"))


def cosines(words: ModuleType, query: str, texts: dict[str, str]) -> dict[str, float]:
    """By another road: counted words of plain Python."""

    def counts(text: str) -> dict[str, int]:
        parts = text.split()
        return {w: parts.count(w) for w in words.VOCABULARY if w in parts}

    def dot(a: dict[str, int], b: dict[str, int]) -> float:
        return float(sum(n * b.get(w, 0) for w, n in a.items()))

    q = counts(query)
    out = {}
    for i, text in texts.items():
        d = counts(text)
        out[i] = dot(q, d) / (dot(q, q) * dot(d, d)) ** 0.5
    return out


def test_search_is_every_cosine_sorted(base: Path, words: ModuleType) -> None:
    texts = {d.id: d.text for d in words.numbered(0, 60)}
    for query in ("one two", "five", "three three zero"):
        truth = cosines(words, query, texts)
        expected = sorted(truth, key=lambda i: (-round(truth[i], 5), i))
        hits = Index.open(base).search(query, k=60)
        assert [hit.rank for hit in hits] == list(range(1, 61))
        assert [round(hit.score, 5) for hit in hits] == [round(truth[i], 5) for i in expected]
        assert {h.id for h in hits if h.score > 1e-6} == {i for i in truth if truth[i] > 1e-6}
        for hit in hits:
            assert hit.score == pytest.approx(truth[hit.id], abs=1e-5)
    best = Index.open(base).search("four two", k=1)[0]
    assert best.id in ("24", "42")
    assert best.text == texts[best.id]
    assert best.metadata == {"mark": "old", "number": int(best.id)}


def test_hybrid_finds_by_words_what_the_vectors_do_not_know(index: Index) -> None:
    # The model has no word "old37"; the full-text index has.
    assert index.search("old37", k=1, hybrid=True)[0].id == "37"
    assert index.search("old37", k=1, hybrid=True, weight=1.0)[0].score == 0.0
    # "page" is in every text and says nothing; "seven" decides by meaning.
    assert index.search("seven page", k=1, hybrid=True)[0].id == "7"


def test_hybrid_is_the_fusion_of_both_rankings(index: Index, words: ModuleType) -> None:
    query = "three old13 five"
    dense = {h.id: h.score for h in index.search(query, k=60)}
    rows = index._read(lambda opened: lance.matching(opened.table, query, 100))
    lexical = {row["id"]: row["score"] for row in rows}
    assert lexical["13"] == max(lexical.values())
    assert set(lexical) == {
        d.id for d in words.numbered(0, 60) if set(query.split()) & set(d.text.split())
    }
    runs = [{"q": dense}, {"q": lexical}]
    fused = weighted_fusion(runs, [0.6, 0.4], floors=[None, 0.0])["q"]
    hits = index.search(query, k=8, hybrid=True, weight=0.6)
    assert {h.id: h.score for h in hits} == pytest.approx({h.id: fused[h.id] for h in hits})
    assert [h.id for h in hits] == list(fused)[:8]


def test_words_inside_identifiers_are_found(index: Index) -> None:
    index.add([Document("x", "one readHTTPHeader"), Document("y", "one parse_url_query")])
    assert index.search("header", k=1, hybrid=True, weight=0)[0].id == "x"
    assert index.search("url", k=1, hybrid=True, weight=0)[0].id == "y"


def test_a_query_is_words_and_no_query_language(index: Index) -> None:
    for query in ('old3" OR (', "old3:*", "it's AND -old3", "+", "'", "old3\n\told4"):
        assert len(index.search(query, k=3, hybrid=True)) == 3


def test_a_closed_index_is_searched_without_naming_the_model(base: Path) -> None:
    index = Index.open(base)
    assert len(index) == 60
    assert index._encoder is None  # neither counted with the model nor with LanceDB
    assert index._opened is None
    assert index.search("two three", k=2)[0].id in ("23", "32")
    assert "documents  60" in repr(index)


def test_an_index_can_be_moved(index: Index, tmp_path: Path) -> None:
    moved = Index.open(shutil.move(index.folder, tmp_path / "elsewhere"))
    assert moved.search("one two", k=1)[0].id in ("12", "21")
    moved.add([Document("new", "sail rope")])
    assert moved.search("sail rope", k=1)[0].id == "new"


def test_add_replace_delete(index: Index, words: ModuleType) -> None:
    assert index.add(words.numbered(60, 70)) == 10
    assert len(index) == 70
    assert (
        index.replace([Document("7", "sail"), Document("new", "rope", {"a": [1, {"b": None}]})])
        == 2
    )
    assert len(index) == 71
    assert index.search("sail", k=1)[0].text == "sail"
    assert index.search("rope", k=1)[0].metadata == {"a": [1, {"b": None}]}
    assert index.search("old7", k=1, hybrid=True, weight=0)[0].score == 0  # no text has it now
    assert index.delete(["7", "new", "no such id", "7", "it's"]) == 2
    assert len(index) == 69
    assert {h.id for h in index.search("one", k=100)} == {str(i) for i in range(70)} - {"7"}
    assert index.delete([]) == 0


def test_small_changes_wait_for_the_search_indexes_and_are_found_all_the_same(
    index: Index, words: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_SHARE", 2.0)  # 120 rows, and a write counts for 20
    indexed = lance.open_latest(index.folder).describe_indices()[0].segments[0].uuid
    index.add(words.numbered(60, 70))
    index.replace(words.numbered(50, 55, "new"))
    index.delete(["1", "61"])
    assert store.read_state(index.folder).changed == 60
    assert lance.open_latest(index.folder).describe_indices()[0].segments[0].uuid == indexed
    for _ in range(2):
        everything = {str(i) for i in range(70)} - {"1", "61"}
        assert {h.id for h in index.search("one", k=100)} == everything
        by_words = index._read(lambda opened: lance.matching(opened.table, "page", 100))
        assert {row["id"] for row in by_words} == everything
        assert index.search("new52", k=1, hybrid=True)[0].id == "52"
        assert index.search("old66", k=1, hybrid=True)[0].id == "66"
        for gone in ("old52", "old1", "old61"):
            assert (
                index._read(lambda opened, word=gone: lance.matching(opened.table, word, 9)) == []
            )
        # Now they are brought up to date; nothing but the speed changes.
        monkeypatch.setattr(store, "_SHARE", 0.0)
        index.delete([])
        assert store.read_state(index.folder).changed == 0
        assert lance.open_latest(index.folder).describe_indices()[0].segments[0].uuid != indexed


def test_an_index_can_be_emptied_and_filled(index: Index, words: ModuleType) -> None:
    assert index.delete(str(i) for i in range(60)) == 60
    assert len(index) == 0
    assert index.search("one", hybrid=True) == []
    index.add(words.numbered(3, 5))
    assert index.search("old3 three", hybrid=True)[0].id == "3"


def test_ids_of_any_characters(index: Index) -> None:
    ids = ["it's", 'say "x"', "a\\b", "ü/%_", "--; DROP", "x\ny"]
    index.add([Document(i, "rope") for i in ids])
    assert {h.id for h in index.search("rope", k=len(ids))} == set(ids)
    index.replace([Document(i, "sail") for i in ids])
    assert {h.id for h in index.search("sail", k=len(ids))} == set(ids)
    assert index.delete(ids) == len(ids)
    assert len(index) == 60


def test_many_batches_are_one_change(
    index: Index, words: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_DOCUMENTS", 7)
    index.replace(words.numbered(40, 100, "new"))
    assert len(index) == 100
    marks = {h.id: h.metadata["mark"] for h in index.search("one", k=100)}
    assert marks == {str(i): "new" if i >= 40 else "old" for i in range(100)}
    matches = index.search("page", k=100, hybrid=True, weight=0)
    assert {h.id: h.metadata["mark"] for h in matches} == marks


def test_a_bad_document_at_the_end_changes_nothing(
    index: Index, words: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_DOCUMENTS", 7)
    before = {h.id: h.text for h in index.search("one", k=100)}
    size = sum(f.stat().st_size for f in (index.folder / "documents.lance" / "data").iterdir())
    for change in (index.add, index.replace):
        with pytest.raises(InputError, match="found empty text"):
            change([*words.numbered(70, 90), Document("bad", "")])
    with pytest.raises(InputError, match="copy: has a document '33' already; expected new ids"):
        index.add([*words.numbered(70, 90), *words.numbered(33, 34)])
    assert {h.id: h.text for h in Index.open(index.folder).search("one", k=100)} == before
    data = index.folder / "documents.lance" / "data"
    assert sum(f.stat().st_size for f in data.iterdir()) == size  # and the space is free again
    assert index.add(words.numbered(70, 90)) == 20
    assert len(index.search("one", k=100)) == len(index) == 80


def test_searches_go_on_while_the_index_is_written(index: Index, words: ModuleType) -> None:
    """Every search sees one state: all documents of one mark, and no fewer than there are."""
    reader, wrong, done = Index.open(index.folder), [], threading.Event()
    searches = 0

    def search() -> None:
        nonlocal searches
        while not done.is_set():
            dense = {h.metadata["mark"] for h in reader.search("one", k=60)}
            both = reader.search("page one", k=60, hybrid=True, weight=0.5)
            if len(dense) != 1 or len(both) != 60 or len({h.metadata["mark"] for h in both}) != 1:
                wrong.append((dense, both))
            searches += 1

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for mark in "abcdef":
        index.replace(words.numbered(0, 60, mark))
    done.set()
    for thread in threads:
        thread.join()
    assert searches > 2
    assert not wrong
    assert reader.search("one", k=1)[0].metadata["mark"] == "f"


def test_another_model_is_refused(base: Path, words: ModuleType) -> None:
    assert Index.open(base, words.Words()).search("one", k=1)
    with pytest.raises(InputError, match=r"made by another model \(fingerprint \w{12}, this mode"):
        Index.open(base, words.Words("other"))


def test_another_model_in_the_folder_is_refused(index: Index, words: ModuleType) -> None:
    words.Words("other").save(index.folder / "model")
    with pytest.raises(InputError, match="made by another model"):
        index.search("one")
    with pytest.raises(InputError, match="made by another model"):
        index.add(words.numbered(70, 71))


def test_an_index_made_anew_by_another_model_is_noticed(index: Index, words: ModuleType) -> None:
    index.search("one")
    shutil.rmtree(index.folder)
    Index.create(index.folder, words.Words("other"), words.numbered(0, 2))
    with pytest.raises(InputError, match="indexed anew with another model"):
        index.search("one")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": " "}, "the query is empty"),
        ({"text": ""}, "the query is empty"),
        ({"text": None}, "the query is None; expected text"),
        ({"text": ["one"]}, "the query is a list; expected text"),
        ({"text": "half \ud83d"}, "the query has half of a surrogate pair"),
        ({"text": "one", "k": 1.5}, "k: found 1.5; expected a whole number"),
        ({"text": "one", "k": True}, "k: found True; expected a whole number"),
        ({"text": "one", "k": 0}, "k: found 0; expected a whole number, 1 or more"),
        ({"text": "one", "weight": 1.5}, "weight: found 1.5; expected a finite number, 0 to 1"),
        ({"text": "one", "weight": float("nan")}, "weight: found nan"),
    ],
)
def test_bad_searches(base: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Index.open(base).search(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", ["delete", "add", "replace"])
@pytest.mark.parametrize("wrong", ["12", b"12", 12, None, {"1": "one"}, [1], ["1", None]])
def test_what_is_no_list_changes_nothing(
    index: Index, words: ModuleType, operation: str, wrong: object
) -> None:
    index.replace([Document(i, "one two") for i in ("1", "2", "12")])
    before = len(index)
    with pytest.raises(InputError, match=r"^(delete: ids|document)"):
        getattr(index, operation)(wrong)
    assert len(index) == before


def test_one_document_is_no_list(index: Index) -> None:
    with pytest.raises(InputError, match=r"^documents: found a Document; expected a list"):
        index.add(Document("new", "one"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"document 1, id 'new': metadata is a list; expected"):
        index.add([Document("new", "one", ["tag"])])  # type: ignore[arg-type]


def test_ids_to_delete_may_be_a_set_or_a_column(index: Index) -> None:
    import pandas as pd

    index.replace([Document(i, "one two") for i in ("1", "2", "12", "3")])
    before = len(index)
    assert index.delete({"12", "3"}) == 2
    assert index.delete(pd.Series(["1", "2"], index=[7, 0])) == 2
    assert len(index) == before - 4


def test_no_index_without_documents(tmp_path: Path, words: ModuleType) -> None:
    with pytest.raises(InputError, match="found no documents; expected at least one"):
        Index.create(tmp_path / "x", words.Words(), [])
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_table_is_one_line(index: Index) -> None:
    shutil.rmtree(index.folder / "documents.lance")
    with pytest.raises(InputError, match=r"copy: cannot be read \(.*\); .*index again") as error:
        index.search("one")
    assert "\n" not in str(error.value)
