"""Words that exclude each other: what a caption can be made wrong with."""

from __future__ import annotations

# One group a line: a word of a group is wrong where another one is right.
ATTRIBUTES = """
red blue green yellow orange purple pink brown black white grey
large small
big little
tall short
wide narrow
thick thin
old new
wooden metal plastic glass leather stone
striped spotted plain checked
round square triangular
open closed
full empty
hot cold
wet dry
clean dirty
bright dark
happy sad
"""
THINGS = """
man woman boy girl
men women boys girls
dog cat horse cow bird elephant
car bus train bicycle motorcycle truck boat
shirt dress coat pullover skirt
shoe boot sandal
table chair bed bench sofa
apple banana pear carrot
cup bowl plate bottle
circle triangle star
tree flower
beach forest street field
"""
ACTIONS = """
sitting standing lying
walking running
eating drinking
pushing pulling
opening closing
entering leaving
"""
NUMBERS = """
two three four five six seven eight nine ten
first last
more fewer
"""
# A relation and what it becomes; phrases before the words they begin with.
RELATIONS = {
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "in front of": "behind",
    "behind": "in front of",
    "on top of": "underneath",
    "underneath": "on top of",
    "next to": "far from",
    "far from": "next to",
    "left": "right",
    "right": "left",
    "above": "below",
    "below": "above",
    "over": "under",
    "under": "over",
    "inside": "outside",
    "outside": "inside",
    "before": "after",
    "after": "before",
    "into": "out of",
    "out of": "into",
    "up": "down",
    "down": "up",
    "on": "under",
    "in": "outside",
}
# Words that name nothing: what stands between them is a phrase.
_FUNCTION = """
a an the this that these those some any no each every all both his her its their my your our i
you he she it we they him them who which what there here and or but nor so than as if while when
because in on at of to for from by with without over under above below behind before after into
onto out off up down near next between beside inside outside through across along around against
front top left right is are was were be been being am has have had do does did can could will
would shall should may might must not
"""
_AUXILIARY = """
is are was were am has have had does do did can could will would should may might must
"""
FUNCTION_WORDS = frozenset(_FUNCTION.split())
AUXILIARIES = _AUXILIARY.split()


def groups(*tables: str) -> dict[str, list[str]]:
    """Each word with the others of its group."""
    found: dict[str, list[str]] = {}
    for line in "\n".join(tables).split("\n"):
        for word in line.split():
            found[word] = [other for other in line.split() if other != word]
    return found
