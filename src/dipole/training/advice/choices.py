"""Your data, your loss: what to begin with for each kind of data. docs/choosing.md is checked
against this table."""

from __future__ import annotations

from typing import NamedTuple

from dipole.training.kinds import Kind

PAGE = "docs/choosing.md"


class Choice(NamedTuple):
    """What to begin with.

    section: the heading of the page that shows it. options: what else the command needs, whatever
    the columns are. also: objectives for a special case that the page names. encoders: the first
    is the one to begin with; () stands for those of texts, `static` or a pretrained model.
    """

    section: str
    objective: str
    why: str
    sampler: str = "unique"
    encoders: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


_BATCH = "in every row the other rows of the batch are the negatives"
_CLASSES = "inputs of the same class are positives of each other"

CHOICES: dict[Kind, Choice] = {
    "pairs": Choice("Pairs", "infonce", _BATCH),
    "triplets": Choice(
        "Pairs with hard negatives", "infonce",
        "it takes your hard negatives beside those of the batch",
    ),
    "graded": Choice(
        "Graded pairs", "cosent", "it learns the order of the scores, whatever their range"
    ),
    "lists": Choice(
        "Lists", "listnet", "it learns the order of the candidates of each query",
        also=("kl-listwise", "margin-mse"),
    ),
    "labelled": Choice("Labelled texts", "supcon", _CLASSES, sampler="classes"),
    "numbered": Choice(
        "Numbers as labels", "rank-n-contrast", "the closer two numbers, the closer the vectors",
        options=("--wants", "numbered"),
    ),
    "texts": Choice(
        "Texts alone", "infonce", "two views of a text are a pair",
        options=("--view", "word-deletion", "--view", "same"),
    ),
    "images": Choice(
        "Images alone", "ntxent", "two views of an image are a pair",
        encoders=("conv", "resnet", "vit"), options=("--view", "simclr"),
    ),
    "labelled-images": Choice(
        "Labelled images", "supcon", _CLASSES, sampler="classes",
        encoders=("conv", "resnet", "vit"), options=("--view", "weak"),
    ),
    "image-text": Choice(
        "Images with captions", "siglip", "each image is compared with every caption of the batch",
        encoders=("towers",),
    ),
    "modalities": Choice(
        "More than two columns", "gram", "it compares any number of columns at once",
        encoders=("towers",), options=("--wants", "modalities"),
    ),
}  # fmt: skip
