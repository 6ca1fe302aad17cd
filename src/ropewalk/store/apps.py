from __future__ import annotations

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "ropewalk.store"
    label = "ropewalk"
    verbose_name = "Ropewalk"
