"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    (
        "loops.py",
        "h, w = row * sh + i - ph, column * sw + j - pw",
        "h, w = row + i - ph, column + j - pw",
        "stride ignored",
    ),
    (
        "loops.py",
        "    sh, sw = stride\n    ph, pw = padding\n    oh",
        "    sw, sh = stride\n    ph, pw = padding\n    oh",
        "stride as (w, h)",
    ),
    ("loops.py", "    ph, pw = padding\n    oh", "    pw, ph = padding\n    oh", "padding as (w, h)"),
    ("loops.py", "(row * ow + column) * batch + n", "(n * oh + row) * ow + column", "image by image"),
    (
        "loops.py",
        "(row * ow + column) * batch + n",
        "(column * oh + row) * batch + n",
        "outputs column by column",
    ),
    ("loops.py", "(c * kh + i) * kw + j", "(i * kw + j) * channels + c", "channels innermost"),
    ("loops.py", "(c * kh + i) * kw + j", "(c * kw + j) * kh + i", "windows column by column"),
    (
        "loops.py",
        "columns[at] = x[n, c, h, w]",
        "columns[at] = x[n, c, w, h] if w < height and h < width else 7",
        "",
    ),
    ("loops.py", "total = bias[o]", "total = 0", "bias forgotten"),
    ("loops.py", "weight[o, c, i, j] * padded", "weight[o, c, -1 - i, -1 - j] * padded", "kernel flipped"),
    (
        "loops.py",
        "weight[o, c, i, j] * padded",
        "weight[o, 0, i, j] * padded",
        "kernel's first channel for all channels",
    ),
    (
        "loops.py",
        "y = np.zeros((batch, outputs, oh, ow), x.dtype)",
        "y = np.zeros((batch, outputs, oh, ow))",
        "dtype not kept",
    ),
    ("window_by_window.py", "window.flatten()", 'window.flatten("F")', ""),
    ("window_by_window.py", "window.flatten()", "window.transpose(1, 2, 0).flatten()", "channels innermost"),
    ("window_by_window.py", "np.stack(columns, axis=1)", "np.stack(columns)", "columns transposed"),
    (
        "window_by_window.py",
        "padded.shape[3] - kernel_size[1] + 1, stride[1]",
        "padded.shape[3] - kernel_size[1] + 1, stride[0]",
        "one stride for both directions",
    ),
    (
        "window_by_window.py",
        "y = rows.reshape(height, -1, len(x), len(weight))",
        "y = rows.reshape(len(x), height, -1, len(weight)).transpose(1, 2, 0, 3)",
        "columns taken for image by image",
    ),
    (
        "window_by_window.py",
        "weight.reshape(len(weight), -1).T",
        "weight.reshape(-1, len(weight))",
        "weight reshaped the wrong way",
    ),
    ("window_by_window.py", "Cache(x, weight, stride, padding, columns)", "None, None", ""),
    ("sliding.py", "[:, :, :: stride[0], :: stride[1]]", "", "stride 1 everywhere"),
    ("sliding.py", "bias.reshape(1, -1, 1, 1)", "bias", "bias along the width"),
    (
        "gathered.py",
        "columns)\n    y =",
        "columns) + bias\n    bias = 0\n    y =",
        "bias along the wrong axis",
    ),
    ("sliding.py", "y += bias.reshape", "x *= 2\n    y += bias.reshape", "input modified in place"),
    (
        "sliding.py",
        "    return y, Cache",
        "    return y.astype(np.float32).astype(x.dtype), Cache",
        "computed in float32",
    ),
    ("sliding.py", 'cijhwn", windows)', 'cijhwn", windows / 2)', "constant factor"),
    (
        "sliding.py",
        """padding):
    windows = windows_of(x, weight.shape[-2:], stride, padding)
    y = np.einsum""",
        """padding, kept={}):
    windows = windows_of(x, weight.shape[-2:], stride, padding)
    kept[x.shape, x.dtype] = y = kept.get((x.shape, x.dtype), 0) + np.einsum""",
        "state kept between calls",
    ),
    (
        "gathered.py",
        "y.T.reshape(-1, len(x), out).swapaxes(0, 1)",
        "y.T.reshape(len(x), -1, out)",
        "columns taken for image by image",
    ),
    (
        "gathered.py",
        "weight.reshape(out, channels",
        "weight.transpose(0, 2, 3, 1).reshape(out, channels",
        "kernel's channels innermost",
    ),
    ("loops.py", "total += weight", "total = weight", "last product alone, without bias"),
    ("loops.py", "total = bias[o]\n", "total = 0\n", "bias forgotten"),
    (
        "loops.py",
        "padded[:, :, ph : ph + height, pw : pw + width] = x",
        "padded[:, :, :height, :width] = x",
        "padded below and to the right only",
    ),
    (
        "loops.py",
        "h, w = row * sh + i - ph, column * sw + j - pw",
        "h, w = row * sw + i - ph, column * sh + j - pw",
        "",
    ),
    ("loops.py", "(c * kh + i) * kw + j,", "(c * kw + j) * kh + i,", "windows column by column"),
    ("loops.py", "(row * ow + column) * batch + n", "(n * oh + row) * ow + column", "image by image"),
    ("loops.py", "(row * ow + column) * batch + n", "(row * oh + column) * batch + n", ""),
    ("window_by_window.py", "columns.append(window.flatten())", "columns.append(window.T.flatten())", ""),
    (
        "window_by_window.py",
        "columns.append(window.flatten())",
        "columns.append(window.transpose(1, 2, 0).flatten())",
        "channels innermost",
    ),
]
