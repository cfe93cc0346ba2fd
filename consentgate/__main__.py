"""``python -m consentgate`` is the command ``consentgate``."""

import sys

from consentgate.cli import main

sys.exit(main())
