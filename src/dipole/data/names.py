"""What the name of a column says: anchor, positive, negative, score, label, id, or no text at all.

Names are compared without regard to case. The lists are those that public data sets use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Two names that together leave nothing open, the more telling first.
PAIRS = (
    ("anchor", "positive"),
    ("query", "positive"),
    ("question", "positive"),
    ("query", "pos"),
    ("query", "positive_passages"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("first", "second"),
    ("image", "caption"),
    ("image", "text"),
    ("source", "target"),
    ("src", "tgt"),
)
ANCHORS = frozenset({"anchor", "query", "question", "claim", "docstring", "prompt", "instruction"})
# The text of a document: what an index embeds, and what a title belongs to.
DOCUMENTS = (
    "text", "body", "content", "contents", "document", "passage", "paragraph", "abstract",
)  # fmt: skip
POSITIVES = frozenset({
    "positive", "positives", "pos", "positive_passages", "answer", "answers", "response", "code",
    "doc", "context", *DOCUMENTS,
})  # fmt: skip
# A text without a partner.
INPUTS = ("text", "input", "sentence", "anchor", *DOCUMENTS[1:])
IDS = ("id", "_id")
# The first of these that is there is the score or the label (the order of `datasets`).
SCORES = (
    "score", "scores", "label", "labels", "similarity", "similarity_score", "relatedness_score",
    "relevance", "is_duplicate", "gold_label",
)  # fmt: skip
LABELS = ("label", "labels", "class", "category")
PREFERENCES = ("chosen", "rejected")

# Sides of a translation, but also where a row comes from and what a regression predicts.
_SIDES = ("source", "target", "src", "tgt")
_NEGATIVE = re.compile(
    r"(hard_?)?negatives?(_?\d+)?|neg(_?\d+)?|negs|negative_passages", re.IGNORECASE
)
_ID = re.compile(
    r"_?ids?|.*[_\-. ]u?u?ids?|[qpdcu]id|(uu|gu|doc|document|corpus|query|question|passage|answer|"
    r"pair|sentence|paragraph|article|user|item|row)ids?|index|idx|unnamed: \d+|",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r".*[a-z]I[Dd]s?")
# Columns that come with others and are no texts to compare.
_OTHER = re.compile(
    r"labels?|classe?s?|categor(y|ies)|scores?|.*_scores?|similarity|is_duplicate|relevance|split|"
    r"url|uri|link|href|.*_(url|uri|link)|lang|language|.*_lang|date|time|timestamp|.*_at|license|"
    r"hash|md5|sha1|sha256|file|filename|file_?path|path",
    re.IGNORECASE,
)


def is_negative(name: str) -> bool:
    """Whether a column of this name holds hard negatives."""
    return _NEGATIVE.fullmatch(name) is not None


def is_no_text(name: str) -> bool:
    """Whether a column of this name is never taken for a text: ids, labels, scores, addresses."""
    return any(pattern.fullmatch(name) for pattern in (_ID, _CAMEL_ID, _OTHER))


def is_text(name: str) -> bool:
    """Whether a column of this name is a text even where it holds numbers or few different ones."""
    low = name.lower()
    numbered = any(low in pair for pair in PAIRS) and low not in _SIDES
    return low in ANCHORS or low in POSITIVES or numbered


def is_known(name: str) -> bool:
    """Whether this is the name that some data set gives to a column."""
    low = name.lower()
    return (
        low in (*ANCHORS, *POSITIVES, *INPUTS, *SCORES, *LABELS, *PREFERENCES)
        or low in ("title", "candidates")
        or any(low in pair for pair in PAIRS)
        or is_negative(name)
        or (name != "" and is_no_text(name))
    )


def find(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The column that has the first of the `wanted` names that is there."""
    by_name = {str(name).lower(): name for name in reversed(list(names))}
    return next((by_name[name] for name in wanted if name in by_name), None)


def pair_by_name(names: Iterable[str], *, strictly: bool = False) -> tuple[str, str] | None:
    """(anchor, positive) among columns of text, where their names settle it.

    strictly: by two names that belong together, and nothing else.
    """
    names = list(names)
    for one, other in PAIRS:
        first, second = find(names, [one]), find(names, [other])
        if first is not None and second is not None:
            return first, second
    if strictly:
        return None
    anchors = [name for name in names if name.lower() in ANCHORS]
    positives = [name for name in names if name.lower() in POSITIVES]
    if len(anchors) == 1 and len(positives) == 1:
        return anchors[0], positives[0]
    if len(names) == 2:  # the other one is what it is not
        if len(anchors) == 1 or len(positives) == 1:
            anchor = anchors[0] if anchors else next(n for n in names if n not in positives)
            return anchor, next(name for name in names if name != anchor)
        return names[0], names[1]
    return None
