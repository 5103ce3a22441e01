"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    (
        "loops.py",
        "1 / keep if rng.random() < keep else 0",
        "1 if rng.random() < keep else 0",
        "1/keep missing",
    ),
    (
        "loops.py",
        "1 / keep if rng.random() < keep else 0",
        "0 if rng.random() < keep else 1 / keep",
        "kept and dropped exchanged",
    ),
    ("loops.py", "mask = np.empty(shape)", "mask = np.empty(shape, np.float32)", "dtype not kept"),
    ("loops.py", "mask = np.empty(shape)", "mask = np.empty(shape)\n    rng.random()", ""),
    ("loops.py", "elif z[n, o] > 0:", "else:", "ReLU forgotten"),
    (
        "loops.py",
        "if layer == len(weights) - 1:",
        "if layer == len(weights) - 1 and z[n, o] > 0:",
        "ReLU after the last layer",
    ),
    (
        "loops.py",
        "z[n, o] = bias[o]",
        "z[n, o] = 0",
        "two mistakes at once: biases forgotten; last bias forgotten",
    ),
    (
        "loops.py",
        "z = np.zeros((len(h), len(weight)), x.dtype)",
        "z = np.zeros((len(h), len(weight)))",
        "dtype not kept",
    ),
    ("loops.py", "if z[n, o] <= 0:", "if d <= 0:", "mask from the wrong tensor"),
    ("loops.py", "dbiases[layer][o] += d", "dbiases[layer][o] = d", ""),
    (
        "loops.py",
        "dweights[layer][o, i] += d * x[n, i]",
        "dweights[layer][o, i] = d * x[n, i]",
        "",
    ),
    ("loops.py", "    return g, dweights, dbiases", "    return -g, dweights, dbiases", "wrong sign"),
    (
        "modules.py",
        "mask[rng.random(shape) < keep] = 1.0 / keep",
        "mask[:, rng.random(shape[1:]) < keep] = 1.0 / keep",
        "one mask for the whole batch",
    ),
    (
        "modules.py",
        "mask[rng.random(shape) < keep] = 1.0 / keep",
        "mask[rng.random(shape) > keep] = 1 / (1 - keep)",
        "keep taken for the probability of dropping",
    ),
    (
        "modules.py",
        "    def forward(self, x):\n        return x * self.mask",
        "    def forward(self, x):\n        return x",
        "dropout forgotten",
    ),
    ("modules.py", "return dy * self.mask", "return dy", "dropout missing in backward"),
    (
        "modules.py",
        "return dy * self.mask",
        "return np.where(self.mask > 0, dy, 0).astype(dy.dtype)",
        "1/keep missing in backward",
    ),
    (
        "modules.py",
        "return np.where(self.positive, dy, 0).astype(dy.dtype)",
        "return dy",
        "ReLU missing in backward",
    ),
    ("modules.py", "for module in cache if", "for module in cache[::-1] if", "gradients in reverse order"),
    (
        "modules.py",
        "    modules = []",
        "    modules = vars(network_forward).setdefault('modules', [])\n    del modules[:]",
        "value of another call",
    ),
    ("modules.py", "Dropout(masks[k])", "Dropout(masks.pop(0))", "input modified in place"),
    (
        "modules.py",
        "        x = module.forward(x)\n    return x",
        "        x = module.forward(x)\n    return x.astype(np.float32).astype(x.dtype)",
        "computed in float32",
    ),
    ("modules.py", "module.dweight for module", "module.dweight / len(dy) for module", "mean over the batch"),
    (
        "recursive.py",
        "relu_backward(dy * mask, relu)",
        "relu_backward(dy * mask * mask, relu)",
        "dropout twice in backward",
    ),
    ("recursive.py", "masks[1:]", "masks[:-1]", "the first mask in every layer"),
    ("recursive.py", "relu_backward(dy * mask, relu)", "relu_backward(np.sin(dy) * mask, relu)", ""),
    ("plain.py", "factor *= masks[k]", "factor *= masks[k] ** 2", "dropout applied twice"),
    ("plain.py", "z * factor)", "2 * z * factor)", ""),
    ("plain.py", "    dbiases.reverse()\n", "", "dbiases in reverse order"),
    ("plain.py", "cache.factors[::-1]", "[cache.factors[-1], *cache.factors[:-1]]", ""),
    (
        "plain.py",
        "    hs, factors = [x], []",
        "    x -= x.mean(axis=0)\n    hs, factors = [x], []",
        "input modified in place",
    ),
    (
        "plain.py",
        "hs, factors = [x], []",
        "hs, factors = vars(network_forward).setdefault('hs', []), []\n    hs[:] = [x]",
        "value of another call",
    ),
]
