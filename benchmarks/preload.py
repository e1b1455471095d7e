"""Imported once, before the processes are split off: every library, so that no row pays for it.

No matrix is multiplied here: the processes start without any thread or buffer of another row.
"""

from __future__ import annotations

import contextlib
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import benchmarks.cases  # noqa: F401
from benchmarks import peers

with contextlib.suppress(ImportError):
    import sentence_transformers.sentence_transformer.losses  # noqa: F401
with contextlib.suppress(ImportError):
    import pytorch_metric_learning.losses
    import pytorch_metric_learning.miners  # noqa: F401
with contextlib.suppress(ImportError):
    peers.import_alone("open_clip.loss")
for name in ("ntx_ent_loss", "dcl_loss"):
    with contextlib.suppress(ImportError):
        peers.lightly_loss(name)
