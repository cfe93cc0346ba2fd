"""What is measured in a process of its own, where no thread of another test makes anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def alone(module: str, function: str) -> Any:
    """What a function of a test module gives in a new process; anything that JSON can hold."""
    code = f"import json; from {module} import {function} as f; print(json.dumps(f()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
