"""Right, and imports half of the standard library.

points: 3
line: right
"""

import concurrent.futures
import ctypes
import decimal
import json
import sqlite3
import typing
import unittest.mock

import numpy.fft
import numpy.linalg
import numpy.ma
import numpy.polynomial
import numpy.testing

USED = (concurrent.futures, ctypes, decimal, json, sqlite3, typing, unittest.mock, numpy)


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
