"""One student's own folder or zip, whatever lies in it."""

TITLE = "one student's folder"
CERTAIN = False


def parts(listing):
    """Nothing in it is a hand-in of its own: it is one as a whole."""
    return {}
