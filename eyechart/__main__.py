"""`python -m eyechart` is the command `eyechart`."""

import sys

from eyechart.commands.main import main

sys.exit(main())
