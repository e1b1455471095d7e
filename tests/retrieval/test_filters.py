"""Filters: what comes back is what filtering by hand leaves; what cannot be read is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.retrieval import Document, Index, filters
from dipole.retrieval import table as lance
from dipole.retrieval.fusion import weighted_fusion

LANGUAGES = ("de", "en", "fr", None)


def documents(words: ModuleType, count: int = 200) -> list[Document]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(count):
        text = " ".join(rng.choice(words.VOCABULARY, size=12))
        # A year as a number, or as the text that a csv has.
        year: Any = int(rng.integers(1, 3000))
        year = str(year) if i % 2 else year
        metadata = {"lang": LANGUAGES[i % 4], "year": year, "ok": i % 3 == 0, "tags": ["a"]}
        metadata["it's 5 o'clock"] = "so"
        found.append(Document(str(i), text, metadata))
    return found


CASES: dict[str, Callable[[dict[str, Any]], bool]] = {
    'lang = "de" and year >= 900': lambda m: m["lang"] == "de" and int(m["year"]) >= 900,
    "900 <= year and not (lang = 'de')": lambda m: (
        int(m["year"]) >= 900 and m["lang"] not in ("de", None)
    ),
    "lang in ('de', 'fr') or year between 1 and 50": lambda m: (
        m["lang"] in ("de", "fr") or int(m["year"]) <= 50
    ),
    "lang is null": lambda m: m["lang"] is None,
    "ok = true and year not in (1, 2)": lambda m: m["ok"] and int(m["year"]) > 2,
    "`it's 5 o'clock` = 'so' and lang like 'd%'": lambda m: m["lang"] == "de",
    "lower(lang) = 'fr' AND year > -1": lambda m: m["lang"] == "fr",
}


@pytest.fixture
def index(words: ModuleType, tmp_path: Path) -> Index:
    return Index.create(tmp_path / "index", words.Words(), documents(words))


@pytest.mark.parametrize("where", CASES)
def test_hits_are_those_that_filtering_by_hand_leaves(
    index: Index, words: ModuleType, where: str
) -> None:
    holds = CASES[where]
    query = " ".join(words.VOCABULARY[:3])
    kept = {d.id for d in documents(words) if holds(dict(d.metadata))}
    assert 0 < len(kept) < 200
    every = index.search(query, k=200)
    wanted = [(hit.id, hit.score) for hit in every if hit.id in kept]
    found = index.search(query, k=7, where=where)
    assert {hit.id for hit in found} <= kept  # equal scores at the end may come in any order
    assert [hit.score for hit in found] == pytest.approx([score for _, score in wanted[:7]])
    vector = index.encoder.encode([query], role="query")[0]
    dense, lexical = index._read(
        lambda opened: (
            lance.nearest(opened.table, vector, 200, exact=True),
            lance.matching(opened.table, query, 200),
        )
    )
    runs = [
        {"": {row["id"]: row["score"] for row in rows if row["id"] in kept}}
        for rows in (dense, lexical)
    ]
    fused = weighted_fusion(runs, [0.75, 0.25], floors=[None, 0.0])[""]
    both = index.search(query, k=7, where=where, hybrid=True)
    assert {hit.id for hit in both} <= kept
    assert [hit.score for hit in both] == pytest.approx(sorted(fused.values(), reverse=True)[:7])


def test_columns_that_come_later_are_filtered_by_as_well(index: Index, words: ModuleType) -> None:
    index.add([Document("new", words.VOCABULARY[0], {"team": "red", "year": 2500.5})])
    index.replace([Document("1", words.VOCABULARY[0], {"team": "blue"})])
    assert [h.id for h in index.search(words.VOCABULARY[0], where="team != 'blue'")] == ["new"]
    assert [h.id for h in index.search(words.VOCABULARY[0], where="year = 2500.5")] == ["new"]
    assert [
        h.id for h in index.search(words.VOCABULARY[0], where="team is not null and id = '1'")
    ] == ["1"]
    assert index.search(words.VOCABULARY[0], where="team = 'green'", hybrid=True) == []


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("", "where: found ''; expected a condition"),
        ("langs = 'de'", r"where: the documents have no column 'langs'; did you mean 'lang'\?"),
        ("wing = 1", "where: the documents have no column 'wing'; it has it's 5 o'clock, lang, ok"),
        ("lang = 'de' limit 1", "where: found 'de' limit in"),
        ("lang = 'de'; drop", r"where: found '; drop' in"),
        ("(lang = 'de'", "where: parentheses do not match"),
        ("lang = 'de' and", "where: .* is no condition"),
        ("lang", "where: 'lang' is no condition"),
        ("lang = = 'de'", "where: .* is no condition"),
        ("lang = 3", "where: found lang compared with a number, and no document has a number"),
        (
            "year > '900'",
            "where: found year > '900', which orders numbers as texts; exp",
        ),
    ],
)
def test_a_bad_condition_is_one_line(index: Index, where: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as error:
        index.search("one", where=where)
    assert "\n" not in str(error.value)
    assert "s_lang" not in str(error.value)


def test_an_index_of_before_says_so() -> None:
    with pytest.raises(InputError, match=r"older dipole.*index again"):
        filters.condition("lang = 'de'", ["id", "text", "words", "metadata", "vector"])


@pytest.mark.parametrize(
    "where",
    [
        'lang = "de" year > 3000',
        'lang = "de", year > 3000',
        "year > 3000 4000",
        "(year > 1) (year < 2)",
        '"a" "b" = lang',
    ],
)
def test_no_part_of_a_condition_is_left_out(where: str) -> None:
    with pytest.raises(InputError, match=r"where: found .* expected and, or"):
        filters.condition(where, ["s_", "s_lang", "n_lang", "s_year", "n_year"])


@pytest.mark.parametrize(
    "where",
    [
        'lang in ("de", "en") and not (year between 2010 and 2020)',
        "lang is not null or year is null",
        "lower(lang) like 'd%' and year >= -1",
        "(year > 1) and (year < 2) or ok = true",
        "not year = 3",
    ],
)
def test_whole_conditions_are_read(where: str) -> None:
    assert filters.condition(where, ["s_", "s_lang", "n_lang", "s_year", "n_year", "s_ok", "n_ok"])
