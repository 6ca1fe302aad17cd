"""What `deploy/` and its page name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ropewalk.installation import PREFIX, Installation

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "run-on-a-server.md"
FILES = [*sorted((ROOT / "deploy").iterdir()), PAGE]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_that_is_named_exists(file: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}([A-Z_]+)", file.read_text()))

    known = {name.upper() for name in Installation.model_fields}
    assert {name.removesuffix("_FILE") for name in named} - known == set()


def test_compose_believes_the_network_that_its_proxy_is_in() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())

    [network] = compose["networks"]["front"]["ipam"]["config"]
    environment = compose["services"]["ropewalk"]["environment"]
    assert environment["ROPEWALK_TRUSTED_PROXIES"] == network["subnet"]
    assert Installation.load(environment | {"ROPEWALK_PUBLIC_URL": "https://hub.example"})
    build = compose["services"]["ropewalk"]["build"]
    assert (ROOT / "deploy" / build["context"] / build["dockerfile"]).is_file()


def test_the_image_takes_along_what_it_copies() -> None:
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE
    )
    kept = re.findall(r"^!(.+)$", (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    assert {name for line in copied for name in line.split()} == set(kept)
    assert [name for name in kept if not (ROOT / name).exists()] == []
