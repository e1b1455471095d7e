"""Advice for a data set: what is in it, what to train with, and why (`dipole advise`)."""
