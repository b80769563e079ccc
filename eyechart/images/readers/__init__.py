"""On-disk layouts of image sets: one module a layout.

A reader module holds its spec (the keys it takes in `models.yaml`) and `read(name, spec, around) -> ImageSet`. A new
layout is one new module here and one line in `eyechart/zoo/image_sets.py`.
"""
