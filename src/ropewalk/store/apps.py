from __future__ import annotations

from django.apps import AppConfig

from ropewalk.store import anycase


class StoreConfig(AppConfig):
    name = "ropewalk.store"
    label = "ropewalk"
    verbose_name = "Ropewalk"

    def ready(self) -> None:
        anycase.register()
