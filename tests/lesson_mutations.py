"""For each lesson, changes of one constant under which its claim is false, and an assertion must fail.

number: [(text in the lesson's file, what is put in its place), ...]; the text stands there exactly once.
"""

MUTATIONS = {
    8: [
        ("XAVIER, MSRA = 1.0, 2.0", "XAVIER, MSRA = 1.0, 1.8"),
        ("XAVIER, MSRA = 1.0, 2.0", "XAVIER, MSRA = 1.2, 2.0"),
        ("half = np.maximum(gaussian, 0)", "half = np.maximum(gaussian, 0.1)"),
    ],
}
