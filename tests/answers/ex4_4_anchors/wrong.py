"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    (
        "loops.py",
        "w = side / math.sqrt(ratio)",
        "w = side / ratio",
        "width divided by the ratio, height kept",
    ),
    ("loops.py", "w = side / math.sqrt(ratio)", "w = side", "area grows with the ratio"),
    ("loops.py", "w = side / math.sqrt(ratio)", "w = math.sqrt(side / ratio)", "side taken for the area"),
    ("loops.py", "h = w * ratio", "h = w", "both sides divided"),
    (
        "loops.py",
        "[-w / 2, -h / 2, w / 2, h / 2]",
        "[-h / 2, -w / 2, h / 2, w / 2]",
        "ratio as width / height",
    ),
    ("loops.py", "[-w / 2, -h / 2, w / 2, h / 2]", "[-w / 2, w / 2, -h / 2, h / 2]", "x1, x2, y1, y2"),
    ("loops.py", "[-w / 2, -h / 2, w / 2, h / 2]", "[-w, -h, w, h]", "twice as large"),
    ("loops.py", "[-w / 2, -h / 2, w / 2, h / 2]", "[0, 0, w, h]", "corner at 0"),
    ("loops.py", "[-w / 2, -h / 2, w / 2, h / 2]", "[-w // 2, -h // 2, w // 2, h // 2]", ""),
    (
        "loops.py",
        "[-w / 2, -h / 2, w / 2, h / 2]",
        "[round(-w / 2), round(-h / 2), round(w / 2), round(h / 2)]",
        "rounded",
    ),
    (
        "loops.py",
        "[-w / 2, -h / 2, w / 2, h / 2]",
        "[float(round(-w / 2)), float(round(-h / 2)), float(round(w / 2)), float(round(h / 2))]",
        "rounded",
    ),
    (
        "loops.py",
        "    for ratio in ratios:\n        for side in sides:\n",
        "    for side in sides:\n        for ratio in ratios:\n",
        "all ratios of the first side first",
    ),
    ("loops.py", "stride * (j + 0.5), stride * (i + 0.5)", "stride * j, stride * i", "corner of the cell"),
    ("loops.py", "stride * (j + 0.5), stride * (i + 0.5)", "j + 0.5, i + 0.5", "stride ignored"),
    (
        "loops.py",
        "stride * (j + 0.5), stride * (i + 0.5)",
        "stride * j + (stride - 1) / 2, stride * i + (stride - 1) / 2",
        "half a pixel short",
    ),
    (
        "loops.py",
        "stride * (j + 0.5), stride * (i + 0.5)",
        "stride * (i + 0.5), stride * (j + 0.5)",
        "x and y of the centre exchanged",
    ),
    (
        "loops.py",
        "stride * (j + 0.5), stride * (i + 0.5)",
        "stride * j + stride // 2, stride * i + stride // 2",
        "half the stride rounded down",
    ),
    (
        "loops.py",
        "        for j in range(columns):\n            x, y",
        "        for j in reversed(range(columns)):\n            x, y",
        "",
    ),
    ("loops.py", "rows, columns = map_size", "columns, rows = map_size", "map size as (W, H)"),
    (
        "loops.py",
        "return np.array(boxes, dtype=base.dtype)",
        "return np.array(boxes, dtype=float)",
        "dtype not kept",
    ),
    ("loops.py", "maps[n, 4 * a : 4 * a + 4, i, j]", "maps[n, a::count, i, j]", "channels as (4, A)"),
    ("loops.py", "maps[n, 4 * a : 4 * a + 4, i, j]", "maps[n, a : a + 4, i, j]", ""),
    (
        "loops.py",
        "        for i in range(rows):\n            for j in range(columns):\n                for a",
        "        for j in range(columns):\n            for i in range(rows):\n                for a",
        "column by column in the answers",
    ),
    (
        "loops.py",
        "                for a in range(count):\n"
        "                    offsets[n, k] = maps[n, 4 * a : 4 * a + 4, i, j]",
        "                for a in range(count):\n                    k = (a * rows + i) * columns + j\n"
        "                    offsets[n, k] = maps[n, 4 * a : 4 * a + 4, i, j]",
        "anchor by anchor in the answers",
    ),
    ("repeated.py", "width = side**2 / height", "width = height", "both sides multiplied"),
    ("repeated.py", "ratio**0.5", "ratio", "no root of the ratio"),
    (
        "repeated.py",
        "np.column_stack([column, row, column, row])",
        "np.column_stack([row, column, row, column])",
        "x and y of the centre exchanged",
    ),
    ("repeated.py", "* stride + stride / 2", "* stride + 0.5", "half a pixel in place of half a cell"),
    (
        "repeated.py",
        "np.repeat(np.arange(h * w), len(base)), w)",
        "np.tile(np.arange(h * w), len(base)), w)",
        "",
    ),
    ("repeated.py", "last = np.moveaxis(maps, 1, -1)", "last = maps", "not transposed"),
    (
        "indices.py",
        "yx[[1, 0, 1, 0]].reshape(4, -1, 1)",
        "yx[[1, 0, 1, 0]].swapaxes(1, 2).reshape(4, -1, 1)",
        "column by column",
    ),
    (
        "indices.py",
        "centres.astype(base.dtype) + base.T[:, None]",
        "(centres.astype(base.dtype) + base.T[:, None]).swapaxes(1, 2)",
        "one anchor after the other",
    ),
    (
        "loops.py",
        "x, y = stride * (j + 0.5), stride * (i + 0.5)",
        "x, y = stride * (i + 0.5), stride * (j + 0.5)",
        "x and y of the centre exchanged",
    ),
    (
        "loops.py",
        "for i in range(rows):\n        for j in range(columns):\n            x, y",
        "for j in range(columns):\n        for i in range(rows):\n            x, y",
        "column by column",
    ),
    (
        "loops.py",
        "for ratio in ratios:\n        for side in sides:",
        "for side in sides:\n        for ratio in ratios:",
        "all ratios of the first side first",
    ),
]
