"""`python -m eyechart` is the command `eyechart`."""

import sys

from eyechart.cli import main

sys.exit(main())
