"""Is there anything to learn? Refused before training where not, said where that may change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from dipole.data import Examples, Labeled, Pairs, Ranked, Scored, Triplets
from dipole.data.bundles import Bundles
from dipole.data.examples import Inputs
from dipole.data.same import content_key
from dipole.encoders.base import SIDES
from dipole.errors import InputError
from dipole.training.batches import LISTS, encoded_fields
from dipole.training.examples import given_by_parts, takes_anchors_alone

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder, Role
    from dipole.encoders.static_text import StaticText
    from dipole.encoders.transformer_text import TransformerText
    from dipole.training.config import Config

# Texts of a side that are looked at for words the encoder knows.
SAMPLE = 1000
# A training of fewer has hardly moved an encoder.
FEW_STEPS = 10
# Steps between two looks at the gradient, and looks that all found zero before it is said.
STEPS_BETWEEN_LOOKS = 20
LOOKS = 5
# What a part makes so that an input and its partner are no longer the same.
_APART = {"anchor", "positive", "labels", "teacher_anchor"}


def check_learnable(config: Config, examples: Examples, inputs: Mapping[str, bool]) -> list[str]:
    """What may keep a training from learning, a line each.

    inputs: what the objective takes. Raises InputError where nothing can be learnt: one anchor,
    positive or input, one class, equal scores, lists that rank nothing. A column that varies costs
    the look at its first rows.
    """
    made = given_by_parts(config)
    if isinstance(examples, Ranked):
        if "positive" in made and "candidates" not in inputs:
            return []  # a part makes the positive of them: their order is not what is learnt
        return _lists(examples, given=not made & {"teacher_anchor", "teacher_columns"})
    if isinstance(examples, Scored) and "scores" in inputs:
        if _is_one(examples.column("score")):
            raise _nothing(examples, "score", "scores that differ")
        return []
    if isinstance(examples, Labeled) and "labels" in inputs and "labels" not in made:
        if _is_one(examples.column("label")):
            raise _nothing(examples, "label", "two classes or more")
        return []
    if isinstance(examples, Labeled | Inputs):
        if _is_one(examples.column("input")):
            raise _nothing(examples, "input", "several: one alone has no negatives")
        return []
    if isinstance(examples, Triplets) and any(examples.column("negatives")):
        return _sides(examples) + _negatives(examples)
    if isinstance(examples, Bundles):
        for field in examples.FIELDS:
            if _is_one(examples.column(field)):
                raise _nothing(examples, field, "several: those of one row have no negatives")
        return []
    if isinstance(examples, Pairs | Triplets):
        for field in ("anchor", "positive"):
            if _is_one(examples.column(field)):
                more = "several: the pairs of one have no negatives (or name some: --negative)"
                raise _nothing(examples, field, more)
        if config.batch_size == 1 and not made & {"negative", "queue", "support"}:
            return ["warning: batches of one row have no negatives; expected a larger --batch-size"]
        # An objective that needs what a part gives may be told by it who belongs together.
        is_told = any(needed and name in made for name, needed in inputs.items())
        return [] if is_told else _sides(examples)
    return []


def check_words(encoder: Encoder, examples: Examples) -> list[str]:
    """How many texts hold nothing that the encoder knows: their vectors are all the same.

    Of each side `SAMPLE` texts are looked at. Raises InputError where these are all, and none holds
    anything.
    """
    from dipole.encoders.named_towers import NamedTowers
    from dipole.encoders.static_text import StaticText
    from dipole.encoders.transformer_text import TransformerText
    from dipole.training.batches import role_of

    said: list[str] = []
    for field in (f for f in encoded_fields(examples) if f not in LISTS):
        role, tower = role_of(field, encoder), encoder
        if isinstance(encoder, NamedTowers):
            tower = encoder.tower(encoder.name_of(role, examples.column(field)[:1]))
            role = role if role in SIDES else "document"
        if not isinstance(tower, StaticText | TransformerText):
            continue
        column = examples.column(field)
        rows = np.unique(np.linspace(0, len(column) - 1, min(len(column), SAMPLE)).astype(np.int64))
        texts = column.take(rows)
        empty = _unknown(tower, texts, role)
        if not len(empty):
            continue
        first = f"the first is {texts[empty[0]]!r:.60}"
        if len(empty) == len(column):
            raise InputError(
                f"{field}: found no text with a word that the encoder knows ({first}); expected "
                "texts of its language and script, or another --encoder"
            )
        said.append(
            f"warning: {field}: {len(empty):,} of {len(texts):,} texts hold no word that the "
            f"encoder knows: their vectors are all the same ({first})"
        )
    return said


def _unknown(tower: StaticText | TransformerText, texts: Sequence[str], role: Role) -> np.ndarray:
    """Which texts are nothing but unknown tokens."""
    features = tower.prepare(texts, role)
    if "offsets" in features:
        ends = np.append(features["offsets"].numpy(), len(features["tokens"]))
        return np.flatnonzero(np.diff(ends) == 0)
    tokenizer: Any = tower.tokenizer
    is_special = np.isin(features["input_ids"].numpy(), tokenizer.all_special_ids)
    return np.flatnonzero(is_special.all(1))


def check_partners(
    config: Config, encoder: Encoder, examples: Examples, inputs: Mapping[str, bool]
) -> list[str]:
    """Whether inputs without partner and class are twice the same: no view, no dropout."""
    has_class = "label" in examples.FIELDS and "labels" in inputs
    is_apart = not _APART.isdisjoint(given_by_parts(config))
    if "input" not in examples.FIELDS or has_class or is_apart or set(config.view) - {"same"}:
        return []
    if takes_anchors_alone(inputs):
        return []
    if any(getattr(m, name, 0) for m in encoder.modules() for name in ("p", "dropout")):
        return []
    return [
        "warning: every input is its own partner, and this encoder has no dropout that would tell "
        "the two apart; expected --view (or classes, and an objective that takes them)"
    ]


def small_batches(rows: int, batches: int, batch_size: int) -> list[str]:
    """Whether a plan's batches are less than half full, as a line."""
    if 2 * rows > batches * batch_size or rows <= batch_size // 2:
        return []
    return [
        f"warning: batches hold {rows / batches:.1f} of {batch_size} rows on average: most rows "
        "may not meet, because they share a text or belong together by another row"
    ]


def few_steps(total: int, asked: int | None, batch_size: int) -> list[str]:
    """Whether a training, of no `asked` number of steps, ends before it learns, as a line."""
    if total >= FEW_STEPS or asked is not None:
        return []
    return [
        f"warning: only {total} step{'s' * (total > 1)} in all, in batches of {batch_size}: a "
        "smaller --batch-size or more --epochs makes more (dipole advise proposes both)"
    ]


class Gradient:
    """Looks at the gradient now and then, and says once that it has been zero for long."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.looks = 0
        self.has_moved = False
        self.is_said = False

    def look(self, step: int, parameters: Iterable[nn.Parameter]) -> str | None:
        """The line to say after step `step` (from 1), if there is one."""
        if self.is_said or (step % STEPS_BETWEEN_LOOKS and step != self.total):
            return None
        if any(p.grad is not None and bool(p.grad.any()) for p in parameters):
            self.looks, self.has_moved = 0, True
            return None
        self.looks += 1
        if self.looks < LOOKS and (step != self.total or self.has_moved):
            return None
        self.is_said = True
        return (
            f"warning: step {step}: the gradient was zero each of the last {self.looks} times it "
            "was looked at: nothing is learnt; expected rows that differ, and negatives for them"
        )


def _lists(examples: Ranked, *, given: bool) -> list[str]:
    """Of lists with one candidate, or with one relevance for all if that is what is learnt."""
    useless = sum(
        len(worth) < 2 or (given and min(worth) == max(worth))
        for worth in examples.column("relevance")
    )
    what = "one candidate" + (", or one relevance for all" if given else "")
    if useless == len(examples):
        raise InputError(
            f"candidates: every one of {useless:,} lists has {what}: there is nothing to learn "
            "from; expected two or more"
        )
    if 2 * useless > len(examples):
        return [f"warning: {useless:,} of {len(examples):,} lists have {what}: they teach nothing"]
    return []


def _sides(examples: Pairs | Triplets) -> list[str]:
    """Of rows whose two texts are one: what they teach, dropout alone makes."""
    same = int((examples.keys("anchor") == examples.keys("positive")).sum())
    if 2 * same <= len(examples):
        return []
    return [
        f"warning: {same:,} of {len(examples):,} rows have one text as anchor and positive: "
        "nothing but dropout tells the two apart"
    ]


def _negatives(examples: Triplets) -> list[str]:
    """Of listed negatives that are the row's own anchor or positive, and so left out."""
    rows = examples.take(range(min(len(examples), SAMPLE)))
    own, count = 0, 0
    for anchor, positive, listed in zip(*(rows[f] for f in examples.FIELDS), strict=True):
        known = {content_key(anchor), content_key(positive)}
        count += len(listed)
        own += sum(content_key(text) in known for text in listed)
    if 2 * own <= count:
        return []
    return [
        f"warning: {own:,} of {count:,} listed negatives are the anchor or the positive of their "
        "own row: they are left out"
    ]


def _is_one(values: Sequence[Any]) -> bool:
    """Whether all values have the same content; ends at the first that differs."""
    keys: Iterator[int] = map(content_key, values)
    first = next(keys, None)
    return first is not None and all(key == first for key in keys)


def _nothing(examples: Examples, field: str, expected: str) -> InputError:
    shown = repr(examples.column(field)[0])
    if len(examples) == 1:
        found = f"found one row ({shown[:60]})"
    else:
        found = f"all {len(examples):,} rows have the same {field} ({shown[:60]})"
    return InputError(f"{field}: {found}: there is nothing to learn from; expected {expected}")
