"""Puts the library's folder in front of the path.

points: 0
line: ex1_1_linear.py imports a module that is not available
needs: files
"""

import importlib
import importlib.machinery
import sys

sys.path.insert(0, "@ROOT@")
sys.path_importer_cache.clear()
sys.meta_path[:] = [importlib.machinery.PathFinder]
functional = importlib.import_module("minires.functional")
linear_forward, linear_backward = functional.linear_forward, functional.linear_backward
