import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.lexical.bm25 import BM25, Words

words = Words()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Returns the parsed headers of a connection.", "return pars header connect"),
        ("parseHeader", "parsehead pars header"),
        ("parse_header", "parse_head pars header"),
        ("HTTPServer_v2", "httpserver_v2 http server v 2"),
        ("__init__(self)", "init self"),
        ("utf8 x86", "utf8 utf 8 x86 x 86"),
        ("straße Übergröße_x 日本", "straße übergröße_x übergröß x 日本"),
        ("the of and is", ""),
        ("_ + __", "_ __"),
        ("हिन्दी में", "हिन्दी में"),
        ("cafe\u0301 ＡＢＣ", "café abc"),
        ("BM25と国際", "bm25 bm 25 と国 国際"),
    ],
)
def test_words(text, terms):
    assert list(words(text)) == terms.split()


def by_hand(corpus, query, k1, b):
    """The formula, document by document."""
    documents = {d: Counter(words(text)) for d, text in corpus.items()}
    mean = sum(c.total() for c in documents.values()) / len(documents)
    scores = {}
    for d, counts in documents.items():
        total = 0.0
        for term in words(query):
            having = sum(term in c for c in documents.values())
            if counts[term]:
                idf = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
                held_back = k1 * (1 - b + b * counts.total() / mean)
                total += idf * counts[term] / (counts[term] + held_back)
        if total:
            scores[d] = total
    return scores


text_of = st.lists(
    st.sampled_from(["red", "green", "blue", "parse", "parse_header", "x"]), max_size=8
).map(" ".join)


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(text_of, min_size=1, max_size=6),
    query=text_of,
    k1=st.sampled_from([0.9, 2.5]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_scores_equal_the_formula(texts, query, k1, b):
    corpus = {f"d{i}": text for i, text in enumerate(texts)}
    found = BM25(corpus, k1, b).search({"q": query})["q"]
    assert found == pytest.approx(by_hand(corpus, query, k1, b), rel=1e-5)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_the_k_best_in_the_order_of_the_corpus_where_equal():
    corpus = {f"d{i}": "red" if i % 2 else "red red" for i in range(20)}
    found = BM25(corpus, b=0.0).search({"q": "red"}, k=13)["q"]
    assert list(found) == [f"d{i}" for i in [*range(0, 20, 2), 1, 3, 5]]


def test_nothing_in_common():
    index = BM25({"a": "red", "b": ""})
    assert index.search({"q": "blue", "r": "", "s": "the"}) == {"q": {}, "r": {}, "s": {}}
    assert BM25({"a": "", "b": "the"}).search({"q": "the red"}) == {"q": {}}


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("国際標準化", "ja"),
        ("天気", "zh"),
        ("気", "zh"),
        ("ภาษา", "th"),
        ("हिन्दी", "hi"),
        ("Größe", "de"),
    ],
)
def test_words_of_any_script_are_found(query, answer):
    corpus = {
        "ja": "国際標準化に関する動向",
        "zh": "天気予報と旅行",
        "th": "เรียนภาษาไทย",
        "hi": "हिन्दी में",
        "mixed": "हिंदू",
        "de": "die Gro\u0308\u00dfe",
    }
    assert list(BM25(corpus).search({"q": query})["q"]) == [answer]


def test_empty_corpus():
    with pytest.raises(InputError, match="the corpus has no documents"):
        BM25({})


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        (["a", "b"], "the corpus is a list; expected a mapping id -> text"),
        ({"a": "one", "b": None}, "text 2 of the corpus is None; expected text"),
        ({"a": "half \ud83d"}, "text 1 of the corpus has half of a surrogate pair"),
    ],
)
def test_a_corpus_that_is_none(corpus, message):
    with pytest.raises(InputError, match=message):
        BM25(corpus)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("words",), "the queries are a str; expected a mapping"),
        (({"q": 3},), "text 1 of the queries is an int; expected text"),
        (({"q": "one"}, 0), "k: found 0; expected a whole number"),
    ],
)
def test_queries_that_are_none(arguments, message):
    with pytest.raises(InputError, match=message):
        BM25({"a": "one"}).search(*arguments)


@pytest.mark.parametrize("settings", [{"k1": float("nan")}, {"k1": -1}, {"b": 1.5}, {"b": True}])
def test_settings_that_are_none(settings):
    with pytest.raises(InputError, match=r"BM25: (k1|b): found .*; expected a finite number"):
        BM25({"a": "one"}, **settings)
