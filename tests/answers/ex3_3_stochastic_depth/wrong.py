"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

CLOSED = 'return d, np.zeros(cache["shape"], dy.dtype)'

WRONG = [
    ("loops.py", "(l / blocks) * (1 - last)", "((l - 1) / blocks) * (1 - last)", "l counted from 0"),
    ("loops.py", "(l / blocks) * (1 - last)", "(l // blocks) * (1 - last)", "whole-number division"),
    (
        "loops.py",
        "(l / blocks) * (1 - last)",
        "(l / blocks) * last",
        "p_L taken for the chance of being dropped",
    ),
    ("loops.py", "if u < survival", "if u > survival", "survives with probability 1 - p"),
    ("loops.py", "gate = 1.0", "gate = 1.0 / survival", "gate divided by p in training"),
    ("loops.py", "        gate = survival\n", "        gate = 1.0\n", "not scaled at test time"),
    (
        "loops.py",
        "gate * branch[place] + x[place]",
        "gate * (branch[place] + x[place])",
        "shortcut dropped with the branch",
    ),
    (
        "loops.py",
        "gate * branch[place] + x[place]",
        "branch[place] + gate * x[place]",
        "gate on the shortcut",
    ),
    ("loops.py", "if y[place] > 0", "if dy[place] > 0", "mask from the wrong tensor"),
    (
        "loops.py",
        "dbranch[place] = gate * dy[place]",
        "dbranch[place] = dy[place]",
        "gate missing in backward",
    ),
    (
        "loops.py",
        "dshortcut[place] = dy[place]",
        "dshortcut[place] = gate * dy[place]",
        "gate on the shortcut's gradient",
    ),
    (
        "loops.py",
        "dx[place] += dshortcut[place]",
        "dx[place] = dshortcut[place]",
        "branch missing in backward",
    ),
    ("loops.py", "if active[place] <= 0", "if dx[place] <= 0", ""),
    (
        "skipped.py",
        "np.linspace(1, last, blocks + 1)[1:]",
        "np.linspace(1, last, blocks)",
        "first block always survives",
    ),
    (
        "skipped.py",
        "np.linspace(1, last, blocks + 1)[1:]",
        'np.linspace(1, last, blocks + 1)[1:].astype("f")',
        "computed in float32",
    ),
    ("skipped.py", "total = x + gate * branch", "total = x + branch", "gate taken as yes or no"),
    ("skipped.py", "if gate != 0", "if gate == 1", ""),
    ("skipped.py", CLOSED, CLOSED.replace("d,", "0 * d,", 1), "nothing passes a closed block"),
    ("skipped.py", CLOSED, "return d, None", "dweight is None with gate 0"),
    ("skipped.py", ", g * dweight", ", dweight", "gate taken as yes or no in backward"),
    (
        "skipped.py",
        '    d = dy * cache["alive"]',
        '    dy *= cache["alive"]\n    d = dy',
        "input modified in place",
    ),
    ("skipped.py", "+ d, g * dweight", "+ dy, g * dweight", ""),
    ("matrices.py", "self.gate * d\n", "self.gate**2 * d\n", "gate applied twice"),
    ("matrices.py", "@ self.conv, 0) + d\n", "@ self.conv, 0)\n", "shortcut missing in backward"),
    ("matrices.py", "@ self.conv, 0) + d\n", "@ self.conv, 0) - d\n", "shortcut subtracted in backward"),
    ("matrices.py", "self.active @ self.conv.T", "self.active @ self.conv", ""),
    (
        "matrices.py",
        "self.x, self.gate = x.reshape(len(x), -1), gate",
        "Gated.x, self.gate = x.reshape(len(x), -1), gate",
        "value of another call",
    ),
    ("matrices.py", "whole.astype(weight.dtype)", "whole", "dtype not kept"),
    (
        "matrices.py",
        "return dx.reshape(dy.shape), self",
        'return dx.reshape(dy.shape).astype("f").astype(dy.dtype), self',
        "computed in float32",
    ),
    (
        "skipped.py",
        "np.linspace(1, last, blocks + 1)[1:]",
        "np.linspace(1, last, blocks + 1)[:-1]",
        "l counted from 0",
    ),
    (
        "skipped.py",
        "np.linspace(1, last, blocks + 1)[1:]",
        "np.linspace(last, 1, blocks + 1)[:-1]",
        "last block first",
    ),
    (
        "skipped.py",
        '        return d, np.zeros(cache["shape"], dy.dtype)',
        '        return dy, np.zeros(cache["shape"], dy.dtype)',
        "closed block: gradient without the mask",
    ),
    (
        "skipped.py",
        'return g * through * cache["positive"] + d, g * dweight',
        'return g * (through * cache["positive"] + d), g * dweight',
        "gate on the shortcut's gradient of an open block",
    ),
    (
        "skipped.py",
        'return g * through * cache["positive"] + d, g * dweight',
        'return (g * through + d) * cache["positive"], g * dweight',
        "shortcut through the branch's ReLU",
    ),
    (
        "skipped.py",
        'return g * through * cache["positive"] + d, g * dweight',
        "return g * through + d, g * dweight",
        "branch's ReLU left out in backward",
    ),
]
