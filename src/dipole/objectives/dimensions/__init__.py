"""Losses of the dimensions of a batch: variance, covariance, whitening, prefixes."""
