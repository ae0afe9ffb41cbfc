"""Versions: the one that an image has, the next one, and what changed in between."""
