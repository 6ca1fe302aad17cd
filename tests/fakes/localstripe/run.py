"""localstripe on the loopback, in an environment of its own."""

import socket

from aiohttp import web
from localstripe import server

# What it is given lasts as long as it does.
server.store.try_load_from_disk = server.store.dump_to_disk = lambda: None

listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
web.run_app(server.app, sock=listening, print=None)
