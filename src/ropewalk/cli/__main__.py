from __future__ import annotations

from ropewalk.cli import main

main()
