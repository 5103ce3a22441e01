"""PyTorch as an oracle: tests skip without it, unless MINIRES_REQUIRE_TORCH=1 says that it must be there."""

import os

import pytest


def import_torch():
    """Return the module torch, or skip the test that asks for it."""
    if os.environ.get("MINIRES_REQUIRE_TORCH") == "1":
        import torch

        return torch
    return pytest.importorskip("torch", reason="PyTorch is not installed")
