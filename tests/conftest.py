"""Makes the helpers that lie beside the tests importable: `import strict_cupy`."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
