"""fakesnow as a server. Run by path: it has an environment of its own."""

from __future__ import annotations

import sys

from fakesnow.cli import main
from listening import announce, free_port

port = free_port()
announce(port)
sys.exit(main(["-s", "-p", str(port), "--host", "127.0.0.1"]))
