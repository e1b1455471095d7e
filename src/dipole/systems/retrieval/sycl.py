"""SyCL: lists of graded documents, learnt as a distribution over the documents of a whole batch.

Documents of four levels of relevance a query, 3 to 0, which the paper has a language model write;
any graded lists will do. Scores are dot products of vectors as they are, as in the paper, for a
tower that does not normalise (`--encoder-option normalize=false` of a transformer).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.maths import unit
from dipole.objectives.whole_batch import whole_batch
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class Binary(Objective):
    """InfoNCE of lists whose levels are cut in two, which SyCL is compared with:

        L_i = mean over j in P(i) of  log(exp l_ij + sum_{c not in P(i)} exp l_ic) - l_ij

    P(i): the candidates of i of level `positive_from` and above; the others of its list and all
    lists of the batch are negatives. l: cosines over the temperature.
    """

    temperature: Temperature = Temperature(0.05)
    positive_from: Positive = 2.0

    def forward(self, anchor: Tensor, candidates: Tensor, relevance: Tensor) -> Tensor:
        a, c, level = (whole_batch(x) for x in (unit(anchor), unit(candidates), relevance))
        n, k, d = c.shape
        scores = (a @ c.view(n * k, d).T / self.temperature()).view(n, n, k)
        own = torch.eye(n, dtype=torch.bool, device=a.device)[:, :, None]
        positive = own & (level >= self.positive_from)
        rest = scores.masked_fill(positive, -torch.inf).flatten(1).logsumexp(1)
        losses = F.softplus(rest[:, None, None] - scores) * positive
        return (losses.sum((1, 2)) / positive.sum((1, 2))).mean()


HERE = "dipole.systems.retrieval.sycl"
COSINES = {"objective_options": {"normalize": True}}

SYSTEM = System(
    id="sycl",
    paper="Esfandiarpoor et al. 2025, Beyond Contrastive Learning: Synthetic Data Enables "
    "List-wise Training with Multiple Levels of Relevance, arXiv 2503.23239",
    recipe=Recipe(wants=["lists"], objective="sycl", batch_size=16, epochs=1.0),
    claim=Claim(
        sentence=(
            "Lists of four levels, learnt by the Wasserstein distance of distributions, rank "
            "documents better than InfoNCE of the same lists cut into positives and negatives."
        ),
        bench="graded",
        arms={
            "sycl": COSINES,
            "infonce": {"objective": f"{HERE}:Binary"},
            "infonce, one positive": {
                "objective": f"{HERE}:Binary",
                "objective_options": {"positive_from": 3.0},
            },
            "listnet": {"objective": "listnet"},
        },
        tuned={"temperature": [0.05, 0.1, 0.2]},
        primary=AtLeast("sycl", "infonce", on="nDCG@10"),
        reported=(
            "better than InfoNCE on MS MARCO and BEIR, by a large margin (abstract; no number"
            " confirmed)"
        ),
        secondary=[
            AtLeast("sycl", "infonce, one positive", on="nDCG@10"),
            AtLeast("sycl", "listnet", on="nDCG@10"),
            AtLeast("sycl", "infonce", on="own code's MRR@10"),
        ],
        notes=(
            "InfoNCE takes levels 3 and 2 for positive, 1 and 0 and all other lists of the batch"
            " for negative, as the authors' data for it are cut; *one positive*: level 3 alone."
            " ListNet knows an anchor's own list alone. Cosines over a temperature instead of dot"
            " products of a pretrained tower, which a tower that starts from nothing has no scale"
            " for; every loss has the one of three temperatures that suits it. Levels are not"
            " written by a language model but where code stands: a docstring's own code, code"
            " beside it, code of its file, any other. 64 lists a batch, as the authors' four"
            " devices of 16; with 16 all losses lose two points. SyCL finds the docstring's own"
            " code more often, InfoNCE with two positives the code around it: which of the two"
            " nDCG counts for more is what these docstrings do not tell. *Before*: on the 509"
            " docstrings of one test, -0.69, [-1.67, +0.30] at 20 seeds; in 20 folds, each of them"
            " half as many documents, where training gains too little over the untrained tower for"
            " anything to be decided, -1.12, [-1.87, -0.38] at 20."
        ),
        lesson=(
            "Lists of four levels put a question's own document first more often than InfoNCE "
            "with two positives, by three points of MRR; by all levels together the two cannot be "
            "told apart here."
        ),
    ),
)
