"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    ("loops.py", "math.sqrt(biased + eps)", "math.sqrt(biased) + eps", "eps outside the root"),
    ("loops.py", "math.sqrt(biased + eps)", "math.sqrt(unbiased + eps)", "unbiased variance to normalise"),
    ("loops.py", "math.sqrt(biased + eps)", "biased + eps", "root forgotten"),
    ("loops.py", "(x[n, c, h, w] - mean) ** 2", "x[n, c, h, w] ** 2", "mean square instead of variance"),
    (
        "loops.py",
        "gamma[c] * x_hat[n, c, h, w] + beta[c]",
        "x_hat[n, c, h, w] * beta[c] + gamma[c]",
        "gamma and beta exchanged",
    ),
    (
        "loops.py",
        "(1 - momentum) * unbiased",
        "(1 - momentum) * biased",
        "biased running variance",
    ),
    (
        "loops.py",
        "momentum * running_mean[c] + (1 - momentum) * mean",
        "momentum * mean + (1 - momentum) * running_mean[c]",
        "momentum the wrong way round",
    ),
    ("loops.py", "squares += ", "squares = ", ""),
    ("loops.py", "y, x_hat = np.zeros_like(x)", "y, x_hat = np.zeros(x.shape)", "dtype not kept"),
    (
        "loops.py",
        "math.sqrt(running_var[c] + eps)",
        "math.sqrt(running_var[c])",
        "eps forgotten in eval mode",
    ),
    (
        "loops.py",
        "math.sqrt(running_var[c] + eps)",
        "math.sqrt(running_var[c]) + eps",
        "eps outside the root in eval mode",
    ),
    (
        "keepdims.py",
        "x_hat = normalise(x, mean, var, eps)",
        "x_hat = normalise(x, four(running_mean), four(running_var), eps)",
        "running statistics in train mode",
    ),
    (
        "keepdims.py",
        "x_hat = normalise(x, mean, var, eps)",
        "x_hat = normalise(x, x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True), eps)",
        "statistics of each image",
    ),
    ("keepdims.py", "centred = x - mean", "x -= mean\n    centred = x", "input modified in place"),
    (
        "keepdims.py",
        "centred = x - mean",
        "centred = x - x.mean()",
        "variance around the mean of the whole array",
    ),
    ("keepdims.py", "ddof=1", "ddof=0", "biased running variance"),
    (
        "keepdims.py",
        "new_var = running_var + (1 - momentum) * (sample_var - running_var)",
        "new_var = running_var + (1 - momentum) * (sample_var + eps - running_var)",
        "eps in the running variance",
    ),
    (
        "keepdims.py",
        "new_mean = running_mean + (1 - momentum) * (mean.ravel() - running_mean)",
        "new_mean = running_mean + momentum * (mean.ravel() - running_mean)",
        "momentum the wrong way round",
    ),
    (
        "keepdims.py",
        "four(gamma) * normalise(x, four(running_mean), four(running_var), eps)",
        "four(gamma) * normalise(x, np.mean(x, **BATCH_AND_PIXELS), np.var(x, **BATCH_AND_PIXELS), eps)",
        "batch statistics in eval mode",
    ),
    (
        "rows.py",
        "old_mean, old_var = running_mean.copy(), running_var.copy()",
        "old_mean, old_var = running_mean, running_var",
        "input modified in place",
    ),
    ("rows.py", "mu = rows.sum(axis=1) / m", "mu = rows.astype('f4').sum(axis=1) / m", ""),
    ("rows.py", "slope * running_mean", "slope + running_mean", ""),
    ("rows.py", "to_images(y, x.shape), Cache", "y.reshape(x.shape), Cache", "transposed"),
    (
        "rows.py",
        "return to_images(y, x.shape), Cache",
        "return to_images(y, x.shape).astype('f4').astype(x.dtype), Cache",
        "computed in float32",
    ),
    (
        "rows.py",
        "old_var *= momentum\n    old_var += (1 - momentum) * sigma2 * (m / (m - 1))",
        "old_var = sigma2 * (m / (m - 1))",
        "overwritten instead of averaged",
    ),
    (
        "channels.py",
        "variances.append(np.var(channel, ddof=1))",
        "variances.append(std)",
        "standard deviation averaged",
    ),
    (
        "channels.py",
        "momentum, eps):\n    images",
        "momentum, eps, kept={}):\n    running_mean = kept.setdefault(x.shape, running_mean + 0)\n"
        "    running_mean += 0.1\n    images",
        "state kept between calls",
    ),
    (
        "channels.py",
        "variances.append(np.var(channel, ddof=1))",
        "variances.append(std**2)",
        "two mistakes at once: biased running variance; eps in the running variance",
    ),
    (
        "channels.py",
        "variances.append(np.var(channel, ddof=1))",
        "variances.append(np.var(channel) * (1 - 1 / channel.size))",
        "Bessel's correction upside down",
    ),
    (
        "channels.py",
        "images.append(gamma[c] * x_hat + beta[c])",
        "images.append(x_hat)",
        "scale and shift forgotten",
    ),
]
