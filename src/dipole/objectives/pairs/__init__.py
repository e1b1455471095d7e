"""Losses of pairs: an anchor, its positive, negatives."""
