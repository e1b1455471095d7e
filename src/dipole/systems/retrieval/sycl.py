"""SyCL: lists of graded documents, learnt as a distribution over the documents of a whole batch.

Documents of four levels of relevance a query, 3 to 0, which the paper has a language model write;
any graded lists will do. Scores are dot products of vectors as they are, as in the paper, for a
tower that does not normalise (`--encoder-option normalize=false` of a transformer).
"""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="sycl",
    paper="Esfandiarpoor et al. 2025, Beyond Contrastive Learning: Synthetic Data Enables "
    "List-wise Training with Multiple Levels of Relevance, arXiv 2503.23239",
    recipe=Recipe(wants=["lists"], objective="sycl", batch_size=16, epochs=1.0),
)
