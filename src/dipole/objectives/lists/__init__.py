"""Losses of lists: candidates of an anchor, with a relevance or a teacher's scores."""
