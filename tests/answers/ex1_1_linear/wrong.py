"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    ("loops.py", "y[n, o] = bias[o]", "y[n, o] = 0", "bias forgotten"),
    ("loops.py", "dbias[o] += dy[n, o]", "dbias[o] = dy[n, o]", "overwritten instead of added"),
    ("loops.py", "dbias[o] += dy[n, o]", "dbias[o] += dy[n, o] / len(x)", "mean of the bias gradient"),
    (
        "loops.py",
        "dweight[o, i] += dy[n, o] * x[n, i]",
        "dweight[o, i] += dy[n, o] * x[n, i] / len(x)",
        "mean over the batch",
    ),
    ("loops.py", "dx[n, i] += dy[n, o]", "dx[n, i] -= dy[n, o]", "wrong sign"),
    (
        "loops.py",
        "y = np.zeros((batch, outputs), x.dtype)",
        "y = np.zeros((batch, outputs))",
        "dtype not kept",
    ),
    (
        "loops.py",
        "np.zeros((batch, outputs), x.dtype)",
        "np.zeros((batch, outputs), np.float32)",
        "computed in float32",
    ),
    ("einsum.py", '"no,ni->oi", dy, cache["x"]', '"no,ni->io", dy, cache["x"]', "weight and x exchanged"),
    ("einsum.py", '"no->o", dy', '"no->n", dy', "bias gradient over the wrong axis"),
    ("einsum.py", '"no,oi->ni", dy, cache["w"]', '"no,oi->ni", dy, np.sin(cache["w"])', ""),
    ("transposed.py", "+ bias.reshape(-1, 1)", "- bias.reshape(-1, 1)", "bias subtracted"),
    ("transposed.py", "d = dy.T", "d = dy.T\n    dy *= 1.5", "input modified in place"),
    ("einsum.py", "no->o", "no->n", "bias gradient over the wrong axis"),
    ("einsum.py", '"no,ni->oi"', '"no,ni->io"', "weight and x exchanged"),
    ("loops.py", "dx[n, i] += dy[n, o]", "dx[n, i] = dy[n, o]", "dx of the last output"),
    ("loops.py", "dweight[o, i] += dy[n, o]", "dweight[o, i] = dy[n, o]", "dweight of the last example"),
    ("loops.py", "for i in range(inputs)", "for i in range(inputs - 1)", "last input left out"),
    ("loops.py", "for i in range(inputs)", "for i in range(1, inputs)", "first input left out"),
    ("loops.py", "y[n, o] +=", "y[n, o] =", "only the last input, without bias"),
    ("loops.py", "y[n, o] +=", "y[n, o] -=", "products subtracted"),
    (
        "loops.py",
        "dweight[o, i] += dy[n, o] * x[n, i]",
        "dweight[o, i] += dy[n, o] * x[n, i] / len(x)",
        "mean over the batch",
    ),
    (
        "loops.py",
        "dx[n, i] += dy[n, o] * weight[o, i]",
        "dx[n, i] += dy[n, o] * weight[o, i] / len(weight)",
        "mean over the outputs",
    ),
]
