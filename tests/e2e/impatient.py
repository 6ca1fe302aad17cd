"""One more web process of an installation, with less patience: `python -m tests.e2e.impatient PORT`."""

from __future__ import annotations

import os
import sys
from typing import Any

import django
from granian.constants import Interfaces
from granian.server.mp import MPServer
from msgspec.structs import replace

SECONDS = 0.5


def made() -> Any:
    os.environ["DJANGO_SETTINGS_MODULE"] = "ropewalk.settings"
    django.setup()
    from django.core.wsgi import get_wsgi_application

    from ropewalk import asgi
    from ropewalk.ingest.door import Door

    lane = asgi._lane(get_wsgi_application(), 2)
    door = Door(replace(asgi._surroundings(), body_seconds=SECONDS, upload_seconds=SECONDS))
    return asgi.Root(lane, lane, lane, body_bytes=asgi.BODY_BYTES, body_seconds=SECONDS, ingest=door)


if __name__ == "__main__":
    MPServer(
        "tests.e2e.impatient:made",
        factory=True,
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        workers=1,
        websockets=False,
    ).serve()
