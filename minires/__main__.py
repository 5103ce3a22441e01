"""`python -m minires` is the command `minires`."""

import sys

from minires.cli import main

if __name__ == "__main__":
    sys.exit(main())
