"""Filters on metadata: columns of the table that hold it, and a condition as Lance reads it.

Every scalar of a document's metadata is kept twice: as text (`s_lang`) and, where it is a number or
reads as one (a csv has only texts), as a number (`n_year`). A condition takes the numbers where it
compares with a number, and the texts elsewhere. So rows of one column may differ in kind.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from dipole.errors import InputError
from dipole.lookup import close_to

_TEXT, _NUMBER = "s", "n"
# A column that every table has which keeps metadata so; one from before has none.
MARK = f"{_TEXT}_"
# Names of metadata that get columns, at most: the first ones.
_MOST = 100
# Columns of the table that a condition may name, where no metadata have the name.
_OWN = ("id", "text")
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
_WORDS = frozenset(
    ["and", "or", "not", "in", "is", "null", "like", "ilike", "between", "true", "false"]
)
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<quoted>`[^`]+`)"""
    r"""|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<word>[^\W\d]\w*)"""
    r"""|(?P<sign><=|>=|<>|!=|==|[=<>(),+\-*/%]))"""
)
_COMPARE = frozenset(["=", "==", "<", "<=", ">", ">=", "<>", "!=", "between", "in", "not"])
_SKIPPED = frozenset(["(", "-", "+", ",", "not", *_COMPARE])

# Kinds of tokens that stand for a value, and words that do not.
_VALUES = frozenset(["string", "quoted", "number", "word"])
_OPERATORS = _WORDS - {"true", "false", "null"}

# In a condition over the table's columns: a text that is compared by order; a column of numbers.
_ORDERED = re.compile(
    rf"`(?P<column>{_TEXT}[_x]\w+)` (?P<sign>[<>]=?|between) '(?P<text>[^']*)'", re.I
)
_OF_NUMBERS = re.compile(rf"`({_NUMBER}[_x]\w+)`")

Token = tuple[str, str]  # kind and text


def widen(table: Any, metadata: Sequence[Mapping[str, Any]]) -> None:
    """Give the table columns for the names of metadata that it has none for."""
    if MARK not in table.schema.names:
        return  # rows of before would be missing in them
    known = names_of(table.schema.names)
    new = dict.fromkeys(
        name for one in metadata for name, value in one.items()
        if name not in known and _text(value) is not None
    )  # fmt: skip
    if new := dict.fromkeys(list(new)[: max(0, _MOST - len(known))]):
        import pyarrow as pa

        table.add_columns([
            pa.field(_column(kind, name), type_)
            for name in new
            for kind, type_ in ((_TEXT, pa.string()), (_NUMBER, pa.float64()))
        ])  # fmt: skip


def columns(metadata: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """The values of those columns, of the names that a table has."""
    import pyarrow as pa

    found = {MARK: pa.nulls(len(metadata), pa.string())} if MARK in names else {}
    for name in names_of(names):
        values = [one.get(name) for one in metadata]
        found[_column(_TEXT, name)] = pa.array([_text(value) for value in values], pa.string())
        found[_column(_NUMBER, name)] = pa.array(map(_number, values), pa.float64())
    return found


def names_of(columns: Sequence[str]) -> list[str]:
    """The names of metadata that a table has columns for."""
    return [_name(column) for column in columns if column[:1] == _TEXT and column != MARK
            and column[1:2] in ("_", "x") and column not in _OWN]  # fmt: skip


def condition(where: str, columns: Sequence[str]) -> str:
    """A condition in the user's words as one over the table's columns.

    `lang = "de" and year >= 2020`: names of metadata (in backticks where they have blanks), texts
    in quotes of either kind, numbers, true and false; =, !=, <, <=, >, >=, in, between, like, is
    null, and, or, not, parentheses.

    Raises:
        InputError: a name that no document has; what is no condition.

    Example:
        >>> condition('lang = "de" and year >= 2020', ["s_", "s_lang", "n_lang", "s_year"])
        "`s_lang` = 'de' and `n_year` >= 2020"
    """
    if not isinstance(where, str) or not where.strip():
        raise InputError(f"where: found {where!r}; expected a condition, as lang = 'de'")
    if MARK not in columns:
        raise InputError(
            "where: the index was made by an older dipole, which kept no columns to filter by; "
            "index again"
        )
    tokens = list(_tokens(where))
    _check_parentheses(tokens)
    _check_joints(where, tokens)
    known = set(names_of(columns))
    return " ".join(_written(tokens, place, known) for place in range(len(tokens)))


def check(table: Any, where: str, sql: str) -> int:
    """How many rows a condition holds for.

    Raises:
        InputError: Lance cannot read it; numbers are compared with texts, which holds for no row
            or, of the order of texts ('10' < '9'), for the wrong ones.
    """
    try:
        count = int(table.count_rows(sql))
        _check_kinds(table, sql, count)
    except (ValueError, RuntimeError, OSError) as error:
        table.count_rows()  # the table itself can be read
        reason = _reason(str(error))
        raise InputError(f"where: {where!r} is no condition ({reason}); expected one as "
                         "lang = 'de' and year >= 2020") from None  # fmt: skip
    return count


def _check_kinds(table: Any, sql: str, count: int) -> None:
    for ordered in _ORDERED.finditer(sql):
        name, text = _name(ordered["column"]), ordered["text"]
        if _number(text) is not None and _numbers(table, name):
            raise InputError(
                f"where: found {name} {ordered['sign']} '{text}', which orders numbers as texts; "
                f"expected {name} {ordered['sign']} {text}, without quotes"
            )
    if count:
        return
    for name in dict.fromkeys(map(_name, _OF_NUMBERS.findall(sql))):
        if not _numbers(table, name):
            raise InputError(
                f"where: found {name} compared with a number, and no document has a number there; "
                "expected a text, in quotes"
            )


def _numbers(table: Any, name: str) -> int:
    """How many rows have a number in a column of metadata."""
    return int(table.count_rows(f"`{_column(_NUMBER, name)}` is not null"))


def _reason(error: str) -> str:
    """What Lance says, in the user's names and without its own places."""
    said = error.partition("Invalid user input: ")[2] or error.removeprefix("Invalid input, ")
    said = (said.partition("SELECT 1 FROM t WHERE")[2] or said).splitlines()[0]
    said = re.sub(rf"`?\b[{_TEXT}{_NUMBER}]_(\w+)`?", r"\1", said)
    return re.sub(r", /\S+.*| \(sql parser error: (.*)\)", r": \1", said).strip(": ")


def _tokens(where: str) -> Iterator[Token]:
    place, end = 0, len(where.rstrip())
    while place < end:
        found = _TOKEN.match(where, place)
        if found is None:
            raise InputError(
                f"where: found {where[place:].strip()[:20]!r} in {where!r}; expected names, "
                "numbers, texts in quotes and operators"
            )
        assert found.lastgroup is not None
        yield found.lastgroup, found[found.lastgroup]
        place = found.end()


def _check_parentheses(tokens: Sequence[Token]) -> None:
    depth = 0
    for _, text in tokens:
        depth += (text == "(") - (text == ")")
        if depth < 0:
            break
    if depth:
        raise InputError("where: parentheses do not match; expected one ) for each (")


def _check_joints(where: str, tokens: Sequence[Token]) -> None:
    """Two values without an operator between, or a comma outside of parentheses: Lance would
    read the condition up to there, and leave out the rest without a word."""
    depth = 0
    for (kind, text), (next_kind, next_text) in pairwise([*tokens, ("", "")]):
        depth += (text == "(") - (text == ")")
        if text == "," and depth == 0:
            raise InputError(f"where: found a comma in {where!r}; expected and, or")
        ends = text == ")" or (kind in _VALUES and text.lower() not in _OPERATORS)
        begins = next_kind in _VALUES and next_text.lower() not in _OPERATORS
        if ends and (begins or (next_text == "(" and kind != "word")):
            raise InputError(
                f"where: found {text} {next_text} in {where!r}; expected and, or, or an operator "
                "between them"
            )


def _written(tokens: Sequence[Token], place: int, known: set[str]) -> str:
    kind, text = tokens[place]
    if kind == "string":
        inner = text[1:-1].replace(text[0] * 2, text[0])
        return "'" + inner.replace("'", "''") + "'"
    if kind == "word" and text.lower() in _WORDS and text not in known:
        return f"'{text.lower()}'" if text.lower() in ("true", "false") else text
    is_call = place + 1 < len(tokens) and tokens[place + 1][1] == "("
    if kind == "word" and is_call and text not in known:
        return text
    if kind not in ("word", "quoted"):
        return text
    name = text[1:-1] if kind == "quoted" else text
    if name in known:
        return f"`{_column(_NUMBER if _is_with_number(tokens, place) else _TEXT, name)}`"
    if name in _OWN:
        return f"`{name}`"
    near = close_to(name, sorted(known))
    has = f"did you mean {' or '.join(map(repr, near))}?" if near else (
        f"it has {', '.join(sorted(known)) or 'none'}"
    )  # fmt: skip
    raise InputError(f"where: the documents have no column {name!r}; {has}")


def _is_with_number(tokens: Sequence[Token], place: int) -> bool:
    """Whether a name is compared with a number: the literal that follows, or stands before it."""
    for step in (1, -1):
        at = place + step
        if not 0 <= at < len(tokens) or tokens[at][1].lower() not in _COMPARE | set("+-*/%"):
            continue
        while 0 <= at < len(tokens) and tokens[at][1].lower() in _SKIPPED | set("*/%"):
            at += step
        if 0 <= at < len(tokens):
            return tokens[at][0] == "number"
    return False


def _column(kind: str, name: str) -> str:
    """The column of a name: as it is where it is plain, else in hexadecimal."""
    is_plain = _PLAIN.fullmatch(name) is not None
    return f"{kind}_{name}" if is_plain else f"{kind}x{name.encode().hex()}"


def _name(column: str) -> str:
    return column[2:] if column[1] == "_" else bytes.fromhex(column[2:]).decode()


def _text(value: Any) -> str | None:
    """A scalar as text, None of a list, a dict and nothing."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, (list, tuple, dict, set)):
        return None
    is_json = isinstance(value, (bool, int, float))
    return json.dumps(value) if is_json else str(value)


def _number(value: Any) -> float | None:
    """A number, or a text that reads as one; None of all else, and of what is not finite."""
    if isinstance(value, bool) or _text(value) is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
