"""A count of what was computed right, what could not be expressed and why, and what came out wrong."""

import collections

from in_torchs_words import NotExpressible


class Tally:
    """Takes one case after the other, and fails at the end."""

    def __init__(self):
        self.right, self.wrong, self.kinds = 0, [], collections.Counter()

    def take(self, what, compare):
        """Call compare(), which raises if something is wrong, or NotExpressible; what: the case in words."""
        try:
            compare()
        except NotExpressible as kind:
            self.kinds[str(kind)] += 1
        except Exception as error:  # a wrong value, or refused though the other library computes it
            self.wrong.append(f"{what}: {type(error).__name__}: {error}".strip())
        else:
            self.right += 1

    def report(self, most):
        """Print the counts; fail if anything is wrong, or if more than that share is not expressible."""
        missing = self.kinds.total()
        total = self.right + missing + len(self.wrong)
        lines = [f"{count:6d} {kind}" for kind, count in self.kinds.most_common()]
        print(f"\n{total} cases, {missing} not expressible:", *lines, sep="\n")
        assert not self.wrong, f"{len(self.wrong)} of {total}:\n" + "\n".join(self.wrong[:40])
        assert self.right and missing <= most * total, f"{missing} of {total} are not expressible"
