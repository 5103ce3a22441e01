"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

FIRST = 'kind="stable")\n    kept = []'
WRONG = [
    ("rounds.py", f"np.argsort(-scores, {FIRST}", f"np.argsort(scores, {FIRST}", "lowest score kept"),
    (
        "rounds.py",
        f"np.argsort(-scores, {FIRST}",
        "np.arange(len(scores))\n    kept = []",
        "order of the input",
    ),
    (
        "rounds.py",
        f"np.argsort(-scores, {FIRST}",
        "np.argsort(scores, kind='stable')[::-1]\n    kept = []",
        "last of equal scores first",
    ),
    (
        "rounds.py",
        "boxes[left])[0] <= threshold",
        "boxes[left])[0] < threshold",
        "gone at the threshold itself",
    ),
    ("rounds.py", "boxes[left])[0] <= threshold", "boxes[left])[0] > threshold", ""),
    ("rounds.py", "return np.array(kept, dtype=int)", "return np.array(kept)", "not integers"),
    ("rounds.py", "return np.array(kept, dtype=int)", "return np.array(kept, dtype=float)", "not integers"),
    ("rounds.py", "return np.array(kept, dtype=int)", "return kept", ""),
    ("rounds.py", "return np.array(kept, dtype=int)", "return boxes[kept]", "kept boxes returned"),
    (
        "rounds.py",
        "return np.array(kept, dtype=int)",
        "return np.array(sorted(kept), dtype=int)",
        "sorted by index",
    ),
    ("rounds.py", "| (labels[left] != labels[best])", "", "across classes"),
    (
        "rounds.py",
        "(labels[left] != labels[best])",
        "(labels[left] == labels[best])",
        "boxes of other classes suppress, those of the same do not",
    ),
    (
        "rounds.py",
        "    return kept\n",
        "    return kept[np.argsort(labels[kept], kind='stable')]\n",
        "one class after the other",
    ),
    ("rounds.py", "    return kept\n", "    return np.sort(kept)\n", "in the order of the input"),
    ("rounds.py", "    return kept\n", "    return kept[::-1]\n", ""),
    ("loops.py", "for j in kept:", "for j in order[: order.index(i)]:", "suppressed boxes suppress"),
    ("loops.py", "for j in kept:", "for j in kept[-1:]:", "compared with the last kept box alone"),
    ("loops.py", "for j in kept:", "for j in kept[:1]:", "compared with the best box alone"),
    (
        "loops.py",
        "    return np.asarray(kept, dtype=np.int64)\n\n",
        "    return np.array([order.index(i) for i in kept], dtype=np.int64)\n\n",
        "places in the sorted order",
    ),
    (
        "loops.py",
        "    return np.asarray(kept, dtype=np.int64)\n\n",
        "    return np.array([i in kept for i in range(len(scores))], dtype=bool)\n\n",
        "marks in place of indices",
    ),
    (
        "loops.py",
        "    return np.asarray(kept, dtype=np.int64)\n\n",
        "    return np.array([i for i in range(len(scores)) if i not in kept], dtype=int)\n\n",
        "suppressed boxes returned",
    ),
    ("loops.py", "kept += [members[k] for k in inside]", "kept += list(inside)", ""),
    (
        "loops.py",
        "set(labels.tolist())",
        "range(1, labels.max(initial=0) + 1)",
        "class 0 taken for the background",
    ),
    ("loops.py", "    kept.sort(key=lambda i: (-scores[i], i))\n", "", "one class after the other"),
    (
        "loops.py",
        "kept.sort(key=lambda i: (-scores[i], i))",
        "kept.sort(key=lambda i: (scores[i], i))",
        "lowest scores first",
    ),
    ("apart.py", "if alive[k]:", "if True:", "suppressed boxes suppress"),
    ("apart.py", "return order[alive]", "return np.flatnonzero(alive)", "places in the sorted order"),
    ("apart.py", "return order[alive]", "return order[~alive]", ""),
    ("apart.py", "return order[alive]", "return np.sort(order[~alive])", "suppressed boxes returned"),
    ("apart.py", "-scores)", "scores)", "lowest score kept"),
    ("apart.py", "boxes + away.astype(boxes.dtype)", "boxes", "across classes"),
    (
        "rounds.py",
        "left = left[iou(boxes[best][None], boxes[left])[0] <= threshold]",
        "left = left[iou(boxes[best][None], boxes[left])[0] < threshold]",
        "gone at the threshold itself",
    ),
    (
        "rounds.py",
        "labels[left] != labels[best])]",
        "labels[left] == labels[best])]",
        "boxes of other classes suppress, those of the same do not",
    ),
]
