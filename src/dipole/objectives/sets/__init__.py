"""Losses against sets: support examples, class weights."""
