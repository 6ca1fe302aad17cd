"""Warehouses that are not ours, as processes in environments of their own: bqemulator speaks BigQuery's REST,
fakesnow Snowflake's. Neither asks who it is.

with bigquery() as url: …
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.counterparts import counterpart

_HERE = Path(__file__).parent


def bigquery() -> Any:
    return counterpart("bqemulator", _HERE / "run_bqemulator.py")


def snowflake() -> Any:
    return counterpart("fakesnow", _HERE / "run_fakesnow.py")


@cache
def pem() -> str:
    """A private key, made anew in each process."""
    return (
        rsa.generate_private_key(65537, 2048)
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


def key_file(project: str = "acme") -> str:
    """A service account's, whose tokens would be fetched elsewhere, were it followed."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "1",
            "private_key": pem(),
            "client_email": f"ropewalk@{project}.iam.gserviceaccount.com",
            "token_uri": "https://elsewhere.example/token",
        }
    )
