"""Zero-shot classification: is an example nearest to the name of its class?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, differing, encode_function, finite, given, unit
from dipole.evaluation.result import Result
from dipole.evaluation.tasks.labelled import accuracy_result, embedded
from dipole.kernels.topk import top_k

if TYPE_CHECKING:
    from dipole.data import Labeled
    from dipole.data.memory import Table

TEMPLATES = ("{}",)


def class_vectors(
    encode: Encode, names: Sequence[str], templates: Sequence[str] = TEMPLATES,
    system: str = "encoder",
) -> np.ndarray:  # fmt: skip
    """One unit vector per class, the mean over its prompts: (classes, dim).

        t_c = normalise( 1/P sum_p normalise(encode(template_p with the name of c)) )

    Prompts are encoded in the role "document". (Radford et al., Learning transferable visual models
    from natural language supervision, 2021.)
    """
    if not templates:
        raise InputError("zero-shot: no templates; expected at least one")
    for template in templates:
        if template.count("{}") != 1:
            raise InputError(
                f"zero-shot: template {template!r} has {template.count('{}')} places for the name; "
                "expected one {}"
            )
    prompts = [template.replace("{}", name) for name in names for template in templates]
    vectors = unit(finite(encode(prompts, "document"), prompts, "prompt", system))
    return unit(vectors.reshape(len(names), len(templates), -1).mean(1))


def evaluate_zero_shot(
    encoder: Any, data: Labeled | Table, names: Sequence[str] | None = None,
    templates: Sequence[str] = TEMPLATES, *, name_encoder: Any = None, system: str = "encoder",
    seed: int = 0, show_progress: bool = False,
) -> Result:  # fmt: skip
    """Accuracy of choosing the class whose name has the largest cosine with the example.

    Args:
        encoder: encodes the examples (role "query").
        names: of the classes, in the order of the sorted labels; not given, the labels themselves
            with "_" read as a space.
        templates: prompts with {} for the name; their vectors are averaged (`class_vectors`).
        name_encoder: encodes the prompts, where that is not `encoder` (the text tower of a pair).

    Metrics and items as in `evaluate_knn`.

    Raises InputError: labels that are numbers and no names, as many names as there are not classes,
    one class only, vectors that are not finite, names that all have the same vector.
    """
    rows: Labeled = given(data, "zero-shot", "Labeled")
    encode = encode_function(encoder, show_progress)
    encode_names = encode if name_encoder is None else encode_function(name_encoder)
    vectors, labels = embedded(encode, rows, "zero-shot", "data", system, classes=2)
    classes = np.unique(labels)
    if names is None:
        if classes.dtype.kind != "U":
            raise InputError(
                f"zero-shot: labels are numbers ({classes[0]} ...); expected names, one per class"
            )
        names = [str(label).replace("_", " ") for label in classes]
    if len(names) != len(classes):
        raise InputError(
            f"zero-shot: {len(names)} names for {len(classes)} classes; expected one per class, "
            "in the order of the sorted labels"
        )
    named = differing(class_vectors(encode_names, names, templates, system), "names", system)
    if named.shape[1] != vectors.shape[1]:
        raise InputError(
            f"zero-shot: examples have {vectors.shape[1]} dimensions, names {named.shape[1]}; "
            "expected one space"
        )
    _, nearest = top_k(unit(vectors), named, 1)
    return accuracy_result("zero-shot", system, rows.ids, classes[nearest[:, 0]], labels, seed=seed)
