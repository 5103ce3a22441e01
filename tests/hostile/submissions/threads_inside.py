"""Right, by threads that are joined.

points: 3
line: right
needs: system calls
"""

from concurrent.futures import ThreadPoolExecutor


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    with ThreadPoolExecutor(4) as pool:
        dx, dweight = pool.submit(dy.__matmul__, weight), pool.submit(dy.T.__matmul__, x)
        return dx.result(), dweight.result(), dy.sum(axis=0)
