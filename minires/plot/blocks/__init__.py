"""Blocks and networks drawn from the layers that they are made of."""

from minires.plot.blocks.figure import blocks

__all__ = ["blocks"]
