"""bqemulator, without the extensions that its engine would fetch. Run by path: it has an environment of its own."""

from __future__ import annotations

import sys

from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine
from listening import announce, free_port

DuckDBEngine._load_spatial = lambda self: None
DuckDBEngine._load_format_extensions = lambda self: None

rest, grpc = free_port(), free_port()
announce(rest)
sys.argv = ["bqemulator", "start", "--rest-port", str(rest), "--grpc-port", str(grpc)]
main()
