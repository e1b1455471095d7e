"""What stands between the encoder and the objective: queues, teachers, centroids, lists.

dipole.fit("pairs.csv", parts=[Queue(size=4096), Teacher(decay=0.999)], out="runs/moco")
"""

from dipole.training.parts.base import Part, Setup
from dipole.training.parts.centroids import Centroids
from dipole.training.parts.pair_teacher import PairTeacher
from dipole.training.parts.pseudo_labels import PseudoLabels
from dipole.training.parts.queue import Mixed, Queue
from dipole.training.parts.stored_teacher import StoredTeacher
from dipole.training.parts.teacher import Teacher

__all__ = [
    "Centroids",
    "Mixed",
    "PairTeacher",
    "Part",
    "PseudoLabels",
    "Queue",
    "Setup",
    "StoredTeacher",
    "Teacher",
]
