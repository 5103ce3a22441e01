"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

SUMS = "[a + b for a, b in zip(activate_back(first, kept), activate_back(second, kept), strict=True)]"
LAST = "    return sums[0],"

WRONG = [
    ("loops.py", "stride if number == 2 else 1", "stride if number == 1 else 1", "stride in the first 1x1"),
    (
        "loops.py",
        'p[f"gamma{number}"], p[f"beta{number}"]',
        'p["gamma2"], p["beta2"]',
        "parameters of another activation",
    ),
    (
        "loops.py",
        "    for place in np.ndindex(dy.shape):\n        dx[place] += dy[place]\n",
        "",
        "shortcut missing in backward",
    ),
    ("loops.py", "dx[place] += dy[place]", "dx[place] = dy[place]", "branch missing in backward"),
    (
        "loops.py",
        "y[place] = branch[place] + x[place]",
        "y[place] = branch[place] + active1[place]",
        "shortcut from the activated x",
    ),
    (
        "loops.py",
        "dactive1[place] += second[place]",
        "dactive1[place] = second[place]",
        "branch's gradient overwritten",
    ),
    (
        "loops.py",
        'back, d["gamma3"], d["beta3"] = activate_back(back, act3)',
        '_, d["gamma3"], d["beta3"] = activate_back(back, act3)',
        "third activation left out in backward",
    ),
    (
        "loops.py",
        "d -= (dbeta[c] + dgamma[c] * x_hat[n, c, h, w]) / len(places)",
        "d -= dbeta[c] / len(places)",
        "",
    ),
    (
        "layers.py",
        "return run(layers, x, parameters) + x, layers",
        "return np.maximum(run(layers, x, parameters) + x, 0), layers",
        "ReLU after the addition",
    ),
    (
        "layers.py",
        "return run(branch, active, parameters) + run(shortcut, active, parameters)",
        "return run(branch, active, parameters) + run(shortcut, x, parameters)",
        "projection of x",
    ),
    (
        "layers.py",
        "        dactive += run_back",
        "        dactive = run_back",
        "branch's gradient overwritten",
    ),
    ("layers.py", "    dx = dy.copy()", "    dx = dy", "input modified in place"),
    (
        "layers.py",
        "dx = first.backward(dactive, gradients)",
        "dx = 2 * first.backward(dactive, gradients)",
        "constant factor",
    ),
    ("layers.py", "gradients[self.name] = provided", "_ = provided", ""),
    ("layers.py", "self.positive = normalised > 0", "Activation.positive = normalised > 0", ""),
    (
        "linear_twice.py",
        "(2 * centred * dvar.reshape(-1, 1, 1) + dmean.reshape(-1, 1, 1)) / m",
        "dmean.reshape(-1, 1, 1) / m",
        "",
    ),
    ("linear_twice.py", "return dy + dx,", "return dy + da1,", "first activation left out in backward"),
    ("linear_twice.py", "return dy + dx,", "return 2 * dy + dx,", "shortcut counted twice"),
    ("linear_twice.py", "return dy + dx,", "return -dy - dx,", "wrong sign"),
    ("linear_twice.py", SUMS, "activate_back(first, kept)", "shortcut's gradient missing"),
    (
        "linear_twice.py",
        LAST,
        "    sums[0] = activate_back(first, kept)[0] + second\n" + LAST,
        "projection past the activation",
    ),
    (
        "linear_twice.py",
        LAST,
        "    sums[1:] = activate_back(second, kept)[1:]\n" + LAST,
        "gamma1 and beta1 overwritten",
    ),
    (
        "linear_twice.py",
        LAST,
        "    sums[1:] = activate_back(first, kept)[1:]\n" + LAST,
        "gamma1 and beta1 of the branch alone",
    ),
    ("linear_twice.py", LAST, '    gradients["projection"] *= 0\n' + LAST, "projection's gradient dropped"),
    (
        "linear_twice.py",
        "second[:, :, ::stride, ::stride] = dseen",
        "second[:, :, : dseen.shape[2], : dseen.shape[3]] = dseen",
        "",
    ),
    (
        "linear_twice.py",
        "sums[0], {**gradients",
        'sums[0].astype("f").astype(dy.dtype), {**gradients',
        "computed in float32",
    ),
    (
        "layers.py",
        "return run(layers, x, parameters) + x, layers",
        "y = run(layers, x, parameters)\n    return y + layers[0].forward(x, parameters), layers",
        "shortcut from the activated x",
    ),
    (
        "layers.py",
        "return dx, gradients\n\n\ndef projection_unit_forward",
        "return dx + dy, gradients\n\n\ndef projection_unit_forward",
        "shortcut counted twice",
    ),
    (
        "layers.py",
        "        dactive += run_back(way, dy, gradients)",
        "        dactive = run_back(way, dy, gradients)",
        "branch's gradient overwritten",
    ),
    (
        "layers.py",
        "        return normalised * self.positive",
        "        return normalised",
        "two mistakes at once: ReLU of the third activation missing; ReLU of the second activation missing",
    ),
    (
        "layers.py",
        "(dy * self.positive, self.norm)",
        "(dy, self.norm)",
        "two mistakes at once: ReLU of the third activation missing in backward; "
        "ReLU of the second activation missing in backward",
    ),
]
