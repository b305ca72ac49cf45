"""Ops: what JavaScript may ask of the world. One module per op name, with one stem in four places."""
