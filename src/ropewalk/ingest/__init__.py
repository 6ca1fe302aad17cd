"""The ingest door: pushed events come in here, in plain ASGI, before anything of Django (push-api.md §3)."""
