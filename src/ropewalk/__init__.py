"""Ropewalk: a self-hosted customer data hub for B2B companies."""

__version__ = "0.1.0"
DEFAULT_PORT = 8787
