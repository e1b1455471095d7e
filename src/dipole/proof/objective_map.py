"""The map of objectives by what they contrast: `python -m dipole.proof.objective_map`.

Written is FOLDER/objective-map.md, in docs if none is given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from dipole.files import write_text
from dipole.systems.text.primer_contrastive_nlp import Contrasted, contrasted, contrasting

KINDS = {
    "input": "## An input with an input",
    "label": "## An input with a label",
    "dimension": "## Dimensions with dimensions",
}


def page() -> str:
    """The whole page."""
    known = contrasting()
    found = {name: contrasted(objective) for name, objective in known.items()}
    lines = [*_HEAD]
    for kind, title in KINDS.items():
        lines += [title, "", "| objective | positives | negatives | form |", "|---|---|---|---|"]
        own = {name: what for name, what in found.items() if what.with_what == kind}
        order = sorted(own, key=lambda name: (own[name].positives, own[name].negatives, name))
        lines += [_row(name, own[name], known[name].form) for name in order]
        lines += [""]
    return "\n".join([*lines, *_FOOT]) + "\n"


def _row(name: str, what: Contrasted, form: str) -> str:
    return f"| `{name}` | {what.positives} | {what.negatives} | {form} |"


_HEAD = (
    "# Map of objectives",
    "",
    "<!-- Written by `python -m dipole.proof.objective_map`; do not edit. -->",
    "",
    "What does an objective compare an input with, where do its positives come from, and what is "
    "pushed away? Methods of contrastive learning differ in that first of all "
    "([Rethmeier and Augenstein 2021](https://arxiv.org/abs/2102.12982)). Settings, inputs and "
    "papers of each are on [the page of objectives](objectives.md); those that train a language "
    "model on preferences have [a map of their own](leaderboards/preference-map.md).",
    "",
)
_FOOT = (
    "## How to read it",
    "",
    "- **partner**: the other side of a pair. **other views, or its class**: without labels the "
    "other views of the same example, with labels all examples of its class. **by grade**, **by "
    "relevance**: numbers in your data say how much two inputs belong together. **by a teacher**: "
    "the scores of another model do.",
    "- **batch**: the other examples of the batch are negatives. This was measured: the gradient "
    "of one example changes when the others are other examples. **given**: hard negatives of your "
    "data, or a queue of earlier batches (`--part queue`). **list**: each input has candidates of "
    "its own. **queue**: vectors of earlier batches, which the objective asks for itself.",
    "- **none**: nothing is pushed away by other examples. A margin, a regression target, or a "
    "second network keeps the vectors apart.",
    "",
    "## Which one to take",
    "",
    "- Your rows are pairs, and nothing else is known: **partner**, negatives from the **batch**.",
    "- Your rows have classes that will not change: **a label**. Classes to come, or thousands of "
    "them: examples of a class as views, or the class's name as a text.",
    "- An edit may turn the meaning of a text around (one word is enough), so audit views before "
    "you train on them (`dipole views`, [views](views.md)).",
    "",
    "A class's name is a text like any other, so an input and its label can be a pair. The model "
    "can then be asked for classes that it was never shown:",
    "",
    "    dipole train --recipe primer-contrastive-nlp --data labelled.csv \\",
    "        --anchor text --positive label --out runs/labels",
    "    dipole evaluate runs/labels --task zero-shot --data unseen.csv",
)


def main(arguments: Sequence[str]) -> None:
    """Write the page."""
    folder = Path(arguments[0] if arguments else "docs")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "objective-map.md", page())


if __name__ == "__main__":
    main(sys.argv[1:])
