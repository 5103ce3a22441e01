"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

LOOPS_SHORTCUT = """    for place in np.ndindex(dy.shape):
        dx[place] += dy[place]
"""
MASKED = """    for place in np.ndindex(dy.shape):
        if cache.hidden[place] > 0:
            dx[place] += dy[place]
"""
ALL_PIXELS = """    dx = np.einsum("nohw,oc->nchw", dy, projection[:, :, 0, 0])
    dx = np.kron(dx, np.ones((2, 2), dx.dtype))[:, :, : d["x"].shape[2], : d["x"].shape[3]]
"""
SPREAD = """    dx = np.zeros_like(inputs["x"])
    dx[:, :, ::2, ::2] = np.einsum("nohw,oc->nchw", dy, projection[:, :, 0, 0])
"""

WRONG = [
    ("loops.py", LOOPS_SHORTCUT, "", "shortcut missing"),
    ("loops.py", "dx[place] += dy[place]", "dx[place] = dy[place]", "branch missing"),
    ("loops.py", "dx[place] += dy[place]", "dx[place] += 1", "1 added instead of dy"),
    ("loops.py", LOOPS_SHORTCUT, LOOPS_SHORTCUT + LOOPS_SHORTCUT, "shortcut counted twice"),
    ("loops.py", LOOPS_SHORTCUT, MASKED, "shortcut through the branch's ReLU"),
    ("loops.py", "dhidden = np.zeros_like(hidden)", "dhidden = dactive.copy()", "ReLU left out"),
    (
        "loops.py",
        "dx[n, c, 2 * r, 2 * s] += cache",
        "dx[n, c, 2 * r, 2 * s] = cache",
        "overwritten by the projection's last output",
    ),
    ("recompute.py", "dactive * (hidden > 0)", "dactive * (dactive > 0)", "mask from the wrong tensor"),
    ("recompute.py", 'd["x"] = d["x"] + dy', 'd["x"] = (d["x"] + 1) * dy', "multiplied by dy twice"),
    ("recompute.py", 'd["x"] = d["x"] + dy', 'dy += d["x"]\n    d["x"] = dy', "input modified in place"),
    ("recompute.py", "return dx, d", 'return dx.astype("f").astype(dx.dtype), d', "computed in float32"),
    ("recompute.py", '    dx += d["x"]\n', "", "branch's dx overwritten"),
    ("recompute.py", '    dx += d["x"]\n', '    dx = d["x"]\n', "projection's dx missing"),
    ("recompute.py", SPREAD, ALL_PIXELS, "projection's stride ignored"),
    (
        "recompute.py",
        'dprojection = np.einsum("nohw,nchw->oc", dy,',
        'dprojection = -np.einsum("nohw,nchw->oc", dy,',
        "wrong sign",
    ),
    (
        "recompute.py",
        'dx[:, :, ::2, ::2] = np.einsum("nohw,oc->nchw", dy,',
        'dx[:, :, ::2, ::2] = np.einsum("nohw,oc->nchw", np.abs(dy),',
        "",
    ),
    ("recompute.py", 'np.einsum("nohw,nchw->oc", dy,', 'np.einsum("nohw,nchw->oc", dy.astype("f"),', ""),
    ("tape.py", "self.dweight += dweight", "self.dweight += 0.5 * dweight", "constant factor"),
    ("tape.py", "self.slope = ", "ReLU.slope = ", "value of another call"),
    ("tape.py", "return dy * self.slope", "return dy", "ReLU left out"),
    ("tape.py", "            dx += d\n", "            dx = d\n", "branch missing"),
    (
        "loops.py",
        "dx[n, c, 2 * r, 2 * s] += cache",
        "dx[n, c, r, s] += cache",
        "projection's gradient without gaps",
    ),
    ("loops.py", "        dx[place] += dy[place]\n", "        dx[place] = dy[place]\n", "branch missing"),
    (
        "loops.py",
        "dprojection[o, c, 0, 0] += dy[n, o, r, s]",
        "dprojection[o, c, 0, 0] = dy[n, o, r, s]",
        "dprojection overwritten",
    ),
    (
        "loops.py",
        "            dhidden[place] = dactive[place]",
        "            dhidden[place] = hidden[place]",
        "ReLU's output in place of the gradient",
    ),
    (
        "loops.py",
        "cache.projection[o, c, 0, 0] * dy[n, o, r, s]\n",
        "cache.projection[o, c, 0, 0] * dactive[n, o, r, s]\n",
        "projection fed the gradient inside the branch",
    ),
]
