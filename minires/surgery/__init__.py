"""Changing a network that is there: another head, frozen or silent parts, more depth, fewer layers."""

from minires.surgery.construction import deepen
from minires.surgery.folding import fold
from minires.surgery.heads import freeze_prefix, replace_head
from minires.surgery.silence import zero_last_conv, zero_last_gamma

__all__ = ["deepen", "fold", "freeze_prefix", "replace_head", "zero_last_conv", "zero_last_gamma"]
