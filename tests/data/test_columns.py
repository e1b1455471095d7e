from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dipole.data import (
    Pairs,
    Triplets,
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
        # Ids, numbers and labels are no texts.
        ({"id": "1", "n": 3, "year": "1999", "q": "a", "label": "x", "d": "b"}, ("a", "b"), "'q'"),
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
    path = write("y.csv", "a,b,c\nx,y,z\n")
    assert load_pairs(path, positive="a")[0] == {"id": "2", "anchor": "y", "positive": "x"}
    for named in ({"anchor": "d"}, {"positive": "d"}, {"anchor": "a", "negative": "d"}):
        with pytest.raises(InputError, match=r"y\.csv: no column 'd'; columns found: a, b, c"):
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
        (load_pairs, "a,label\nx,3\n", "found one text column among a, label; expected two"),
        (load_pairs, "a,b\n1,2\n", "found no text column among a, b; expected two"),
        (load_scored, "a,b\nx,y\n", "found no column of numbers among a, b; expected one"),
        (load_scored, "a,b,c,d\nx,y,1,2\n", "found 2 columns of numbers among a, b, c, d"),
        (load_scored, "a,score\nx,1\n", "found one text column"),
        (load_labeled, "a,b,c\nx,y,z\n", "found no label among a, b, c"),
        (load_labeled, "n,label\n1,x\n", "found no text column among n, label"),
        (load_ranked, "query,a\nx,y\n", "no column 'candidates'; columns found: query, a"),
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
