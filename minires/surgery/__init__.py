"""Changing a network that is there: another head, a frozen prefix, silent branches, more depth."""

from minires.surgery.construction import deepen
from minires.surgery.heads import freeze_prefix, replace_head
from minires.surgery.silence import zero_last_conv, zero_last_gamma

__all__ = ["deepen", "freeze_prefix", "replace_head", "zero_last_conv", "zero_last_gamma"]
