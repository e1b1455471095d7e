from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dipole.data import (
    Pairs,
    Triplets,
    load_inputs,
    load_labeled,
    load_pairs,
    load_ranked,
    load_retrieval,
    load_scored,
)
from dipole.errors import InputError

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("row", "fields", "taken"),
    [
        ({"q": "a", "d": "b"}, ("a", "b"), "anchor 'q', positive 'd'"),
        ({"positive": "b", "anchor": "a"}, ("a", "b"), "anchor 'anchor', positive 'positive'"),
        # Ids, numbers, addresses and categories are no texts.
        (
            {"id": "1", "n": 3, "year": "1999", "q": "a", "category": "x", "d": "b", "url": "c"},
            ("a", "b"),
            "'q'",
        ),
        ({"qid": "k7", "question": "a", "docId": "k8", "answer": "b"}, ("a", "b"), "'question'"),
        ({"answer": "b", "note": "c", "question": "a"}, ("a", "b"), "'question'"),
        ({"passage": "b", "other": "a"}, ("a", "b"), "anchor 'other', positive 'passage'"),
        ({"query": "a", "title": "T", "text": "b"}, ("a", "T b"), "positive 'text' after title"),
        ({"premise": "a", "hypothesis": "b", "comment": "c"}, ("a", "b"), "'hypothesis'"),
        ({"q": "a", "d": "b", "negative": "c"}, ("a", "b", ["c"]), "negatives 'negative'"),
        ({"negative_1": "c", "q": "a", "negative_2": "d", "d": "b"}, ("a", "b", ["c", "d"]), "'q'"),
        ({"query": "a", "pos": ["b"], "neg": ["c", "d"]}, ("a", "b", ["c", "d"]), "'neg'"),
        (
            {
                "query_id": "7",
                "query": "a",
                "positive_passages": [{"docid": "1", "title": "T", "text": "b"}],
                "negative_passages": [{"docid": "2", "title": "", "text": "c"}],
            },
            ("a", "T b", ["c"]),
            "'negative_passages'",
        ),
    ],
)
def test_columns_that_are_not_named_are_found(
    write: Write, row: dict[str, Any], fields: tuple[Any, ...], taken: str
) -> None:
    pairs = load_pairs(write("x.jsonl", [row]))
    assert tuple(pairs[0].values())[1:] == fields
    assert type(pairs) is (Triplets if len(fields) == 3 else Pairs)
    assert pairs.origin.startswith(f"{write('x.jsonl', [row])}: anchor '")
    assert taken in pairs.origin


def test_columns_that_are_named_are_taken_and_no_others(write: Write) -> None:
    path = write("x.csv", "a,b,c,negative\n1,2,3,4\n")
    assert load_pairs(path, "c", "a")[0] == {"id": "2", "anchor": "3", "positive": "1"}
    assert load_pairs(path, "c", "a", "b")[0]["negatives"] == ["2"]
    assert load_pairs(path, "c", "a", ["b", "negative"])[0]["negatives"] == ["2", "4"]
    path = write("y.csv", "a,b\nx,y\n")
    assert load_pairs(path, positive="a")[0] == {"id": "2", "anchor": "y", "positive": "x"}
    path = write("y.csv", "a,b,c\nx,y,z\n")
    for named in ({"anchor": "d"}, {"positive": "d"}, {"anchor": "a", "negative": "d"}):
        with pytest.raises(
            InputError, match=r"y\.csv: no column 'd' \(--\w+\); columns found: a, b, c"
        ):
            load_pairs(path, **named)  # type: ignore[arg-type]


def test_a_row_with_several_positives_is_several_pairs(write: Write) -> None:
    path = write("x.jsonl", [{"query": "q", "pos": ["a", "b"], "neg": ["c"]}])
    assert list(load_pairs(path)) == [
        {"id": "1-1", "anchor": "q", "positive": "a", "negatives": ["c"]},
        {"id": "1-2", "anchor": "q", "positive": "b", "negatives": ["c"]},
    ]
    data = load_retrieval(path)
    assert (dict(data.queries), data.qrels) == ({"q/1-1": "q"}, {"q/1-1": {"1-1": 1, "1-2": 1}})


@pytest.mark.parametrize(
    "text",
    [
        "sentence1,sentence2,score\na,b,2.5\n",
        "score,x,y\n2.5,a,b\n",
        "pair_ID,A,B,relatedness_score\n7,a,b,2.5\n".replace("pair_ID,", "").replace("7,", ""),
        "x,y,similarity,other\na,b,2.5,9\n",
        "split,label,x,y\ndev,2.5,a,b\n",
    ],
)
def test_scored_pairs_that_are_not_named_are_found(write: Write, text: str) -> None:
    scored = load_scored(write("x.csv", text))
    assert scored[0] == {"id": "2", "first": "a", "second": "b", "score": 2.5}


def test_scored_pairs_by_number_and_by_name(write: Write) -> None:
    path = write("x.tsv", "2.5\ta\tb\n")
    assert load_scored(path, "2", "3", "1")[0]["score"] == 2.5
    assert "no header line, columns by number" in load_scored(path, "2", "3", "1").origin
    path = write("y.csv", "n,a,b,m\n1,x,y,2\n")
    assert load_scored(path, score="m", first="b")[0] == {
        "id": "2",
        "first": "y",
        "second": "x",
        "score": 2.0,
    }


@pytest.mark.parametrize(
    ("load", "text", "message"),
    [
        (
            load_pairs,
            "a,label\nx,3\n",
            "found one text column among a, label, with classes in 'label'; ",
        ),
        (load_pairs, "a,b\n1,2\n", "found no text column among a, b; expected two"),
        (load_scored, "a,b\nx,y\n", "found no column of numbers among a, b; expected one"),
        (load_scored, "a,b,c,d\nx,y,1,2\n", "found 2 columns of numbers among a, b, c, d"),
        (load_scored, "a,score\nx,1\n", "found one text column"),
        (
            load_pairs,
            "a,b,c\nx,y,z\n",
            r"found 3 text columns \(a, b, c\) .* \(or name them: --anch",
        ),
        (
            load_pairs,
            "question,context,answer\nx,y,z\n",
            r"found 3 text columns \(question, context, answer\)",
        ),
        (load_scored, "a,b,c,score\nx,y,z,1\n", "found 3 text columns .*: --first, --second"),
        (load_labeled, "a,b,label\nx,y,z\n", r"found 2 text columns \(a, b\).* name it: --input"),
        (load_inputs, "a,b\nx,y\n", r"found 2 text columns \(a, b\).* name it: --input"),
        (load_labeled, "text,label\nx,0.5\ny,1\n", "found numbers with fractions in 'label'"),
        (load_labeled, "a,b,c\nx,y,z\n", "found no label among a, b, c"),
        (load_labeled, "n,label\n1,x\n", "found no text column among n, label"),
        (
            load_ranked,
            "query,a\nx,y\n",
            "no column 'candidates'; columns found: query, a; expected",
        ),
    ],
)
def test_columns_that_cannot_be_found(
    write: Write, load: Callable[..., Any], text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load(write("x.csv", text))


def test_one_column_is_missing_beside_the_named_one(write: Write) -> None:
    with pytest.raises(InputError, match="found no text column beside 'a' among a, n"):
        load_pairs(write("x.csv", "a,n\nx,1\n"), anchor="a")


def test_labeled(write: Write) -> None:
    for text in ("text,category\nx,y\n", "label,text\ny,x\n", "id,a,b\n2,x,y\n"):
        row = load_labeled(write("x.csv", text))[0]
        assert row == {"id": "2", "input": "x", "label": "y"}
    assert load_labeled(write("x.csv", "a,b,c\nx,y,z\n"), "c", "a")[0]["label"] == "x"


def test_ranked(write: Write) -> None:
    plain = {"query": "q", "candidates": ["a", "b"], "relevance": [2, 0.5]}
    lists = {"query": "q", "pos": ["a"], "neg": ["b", "c"]}
    scored = {**lists, "pos_scores": [0.9], "neg_scores": [0.3, 0.1]}
    assert load_ranked(write("x.jsonl", [plain]))[0] == {**plain, "id": "1"}
    assert load_ranked(write("y.jsonl", [lists]))[0]["relevance"] == [1, 0, 0]
    assert load_ranked(write("z.jsonl", [scored]))[0]["relevance"] == [0.9, 0.3, 0.1]
    with pytest.raises(InputError, match="row 1: found 2 candidates and 1 relevances"):
        load_ranked(write("x.jsonl", [{**plain, "relevance": [1]}]))
    with pytest.raises(InputError, match=r"column 'neg_scores': found 0\.3; expected a list"):
        load_ranked(write("z.jsonl", [{**scored, "neg_scores": 0.3}]))


def test_one_row_decides_nothing(write: Write) -> None:
    """A number, null or an empty field in the first row makes no other column the anchor."""
    path = write("n.csv", "query,answer,source\n911,emergency,page one\nseven,forty two,page two\n")
    assert load_pairs(path)[0] == {"id": "2", "anchor": "911", "positive": "emergency"}
    rows = [{"q": None, "d": "b", "n": 3}, *({"q": f"a {i}", "d": f"b {i}"} for i in range(19))]
    pairs = load_pairs(write("n.jsonl", rows), on_bad_row="skip")
    assert pairs.origin.endswith("anchor 'q', positive 'd'")
    assert (len(pairs), pairs.skipped.count) == (19, 1)
    # A column that most rows lack is no text to compare.
    rows[5]["note"] = "only here"
    assert load_pairs(write("m.jsonl", rows[1:])).origin.endswith("anchor 'q', positive 'd'")


def test_what_columns_hold_counts_where_names_say_nothing(write: Write) -> None:
    rows = [
        {"at": f"https://a.org/{i}", "day": f"2024-01-{i + 10}", "kind": "ab"[i % 2], "q": f"q {i}"}
        for i in range(20)
    ]  # fmt: skip
    path = write("x.jsonl", [{**row, "d": f"d {i}"} for i, row in enumerate(rows)])
    assert load_pairs(path).origin.endswith("anchor 'q', positive 'd'")
    with pytest.raises(InputError, match=r"found one text column .*, with classes in 'kind'"):
        load_pairs(write("y.jsonl", rows))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sentence1,sentence2,score\na,b,2.5\n", "found scores of pairs in 'score'"),
        ("anchor,positive,label\na,b,0\n", "found scores of pairs in 'label'"),
        ("premise,hypothesis,label\na,b,neutral\n", "found labels of pairs in 'label'"),
        ("prompt,chosen,rejected\na,b,c\n", "found preferences"),
        ("chosen,rejected\na,b\n", "found preferences"),
    ],
)
def test_what_is_no_pairs_is_refused_unless_both_columns_are_named(
    write: Write, text: str, message: str
) -> None:
    path = write("x.csv", text)
    with pytest.raises(InputError, match=f"{message}.*--anchor and --positive"):
        load_pairs(path)
    first, second = text.split(",")[:2]
    second = second.split()[0]
    assert load_pairs(path, first, second)[0] == {"id": "2", "anchor": "a", "positive": "b"}
    with pytest.raises(InputError, match=message):
        load_pairs(path, first)


def test_a_column_is_given_once(write: Write) -> None:
    path = write("x.csv", "a,b,score\nx,y,1\n")
    for load, named in (
        (load_pairs, {"anchor": "a", "positive": "a"}),
        (load_pairs, {"anchor": "a", "positive": "b", "negative": "b"}),
        (load_pairs, {"anchor": "a", "positive": "b", "negative": ["score", "score"]}),
        (load_scored, {"first": "a", "second": "a"}),
        (load_scored, {"first": "a", "second": "b", "score": "b"}),
        (load_labeled, {"input": "a", "label": "a"}),
    ):
        with pytest.raises(InputError, match=r"found the column '.*' twice, for --"):
            load(path, **named)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no column 'scor' .* did you mean 'score'"):
        load_scored(path, score="scor")


def test_columns_that_data_do_not_have_are_not_ignored(write: Write) -> None:
    with pytest.raises(InputError, match="stdlib-code: found anchor='q' for data whose columns"):
        load_pairs("stdlib-code", anchor="q")
    with pytest.raises(InputError, match="digits: found label='q'"):
        load_labeled("digits", label="q")
    with pytest.raises(InputError, match="stsb: found score='q'"):
        load_scored("stsb", score="q")
    folder = write("beir/corpus.jsonl", [{"_id": "1", "text": "a"}]).parent
    with pytest.raises(InputError, match="beir: found anchor='q'"):
        load_pairs(folder, anchor="q")


def test_a_row_without_negatives_has_none(write: Write) -> None:
    rows = [{"q": "a", "d": "b", "negative": "c"}, {"q": "e", "d": "f"}]
    assert load_pairs(write("x.jsonl", rows)).column("negatives") == [["c"], []]


def test_classes_that_are_not_named_are_few(write: Write) -> None:
    rows = [{"text": f"some text {i}", "intent": f"kind {i % 2}", "x": f"y {i}"} for i in range(30)]
    found = load_labeled(write("x.jsonl", rows))
    assert found.origin.endswith("input 'text', label 'intent'")
    for second in ("rejected", "other", "answer"):
        path = write("y.jsonl", [{"chosen": f"a {i}", second: f"b {i}"} for i in range(30)])
        with pytest.raises(InputError, match=f"found no label among chosen, {second}"):
            load_labeled(path)
