"""Runs at the start of every process of an installation under test: vendors are where the environment says, and not where
they are for everybody else."""

import importlib
import json
import os

for slug, places in json.loads(os.environ.get("VENDORS_ELSEWHERE", "{}")).items():
    sources = importlib.import_module("ropewalk.sources")
    sources.REGISTRY[slug] = importlib.import_module(f"ropewalk.sources.{slug}").declared(*places)
