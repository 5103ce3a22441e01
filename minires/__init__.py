"""minires: learn deep residual networks by reading, running and breaking every gradient in them."""

__version__ = "0.1.0"
