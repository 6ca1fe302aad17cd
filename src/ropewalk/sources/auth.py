"""The settings of `core.auth` under the name by which sources know them."""

from ropewalk.core.auth import (
    ApiKey,
    AuthOverride,
    AuthSettings,
    Basic,
    Bearer,
    ClientCredentials,
    NoAuth,
    merge,
)

__all__ = [
    "ApiKey",
    "AuthOverride",
    "AuthSettings",
    "Basic",
    "Bearer",
    "ClientCredentials",
    "NoAuth",
    "merge",
]
