"""What whoever operates this installation decides, from the environment (`ROPEWALK_…`, `ROPEWALK_…_FILE`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from ropewalk import DEFAULT_PORT
from ropewalk.core import limits
from ropewalk.core.errors import MustFix, Problem

PREFIX = "ROPEWALK_"
SECRET_CHARS = 32
INGEST_CALLS_A_MINUTE = 1_200_000
LOCAL_URL = f"http://127.0.0.1:{DEFAULT_PORT}"


def _listed(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Absolute = Annotated[Path, AfterValidator(_absolute)]


class Installation(BaseModel):
    """Every setting is also understood as `ROPEWALK_<NAME>_FILE`: a file whose text is the value."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True, validate_default=True)

    data_dir: Absolute = Field(default=Path("ropewalk-data"), description="Folder of the embedded databases.")
    database_url: SecretStr | None = Field(
        default=None,
        description="`postgresql://…` (16 or newer) or `sqlite:///path`; a SQLite file in the data folder if unset.",
    )
    events_url: SecretStr | None = Field(
        default=None,
        description="`postgresql://…` of the database for pushed events; beside the record if unset.",
    )
    blobs_url: SecretStr | None = Field(
        default=None,
        description="`s3://KEY:SECRET@HOST/BUCKET` for files that come with events; a folder in the data folder if unset.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Key of the stored credentials; while it is changed `NEW OLD`. Made beside the data folder if unset.",
    )
    allowed_hosts: Names = Field(default=(), description="Host names that the web server answers to.")
    trusted_proxies: Names = Field(
        default=(),
        description="Addresses or networks of proxies in front, whose `X-Forwarded-For` and `X-Forwarded-Proto` count.",
    )
    public_url: str | None = Field(default=None, description="Where people reach this installation.")
    allow_networks: Names = Field(
        default=(),
        description="Networks or host names that outgoing connections may reach although they are private.",
    )
    max_records: int = Field(
        default=limits.MAX_RECORDS, ge=1, description="Highest `max_records` of a stream."
    )
    max_pages: int = Field(default=limits.MAX_PAGES, ge=1, description="Highest `max_pages` of a stream.")
    rate_limit: int = Field(
        default=600, ge=1, description="Calls of the API a minute, for each key and web process."
    )
    ingest_rate_limit: int | None = Field(
        default=None,
        ge=1,
        description="Ingest calls a minute, likewise; as `ROPEWALK_RATE_LIMIT` where that is set, else 1,200,000.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="`smtp://user:password@host:port`, for alerts by email. No alert is sent yet.",
    )
    hubspot_client_id: str | None = Field(default=None, description="Of your own app at HubSpot, for OAuth.")
    hubspot_client_secret: SecretStr | None = Field(default=None, description="Its secret.")
    stripe_client_id: str | None = Field(default=None, description="Of your platform at Stripe, for OAuth.")
    stripe_client_secret: SecretStr | None = Field(default=None, description="Its secret key.")
    proxy: SecretStr | None = Field(default=None, description="Proxy for all outgoing connections.")
    ca_bundle: Absolute | None = Field(
        default=None, description="Certificates to trust instead of the built-in ones."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level logged."
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Self:
        """`given` (say, `--data`) wins over the environment. All problems at once, as `MustFix`."""
        read, problems = _read(cls, os.environ if environ is None else environ)
        named = {name: value for name, value in given.items() if value is not None}
        try:
            loaded = cls(**(read | named))
        except ValidationError as error:
            for one in error.errors(include_input=False, include_url=False, include_context=False):
                name = str(one["loc"][0]) if one["loc"] else ""
                problems.append(Problem(PREFIX + name.upper(), one["msg"].removeprefix("Value error, ")))
        if problems:
            lines = "; ".join(f"{one.path}: {one.message}" for one in problems)
            raise MustFix(
                "invalid_settings", f"The settings of this installation can't be used. {lines}", problems
            )
        return loaded

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            keys = value.get_secret_value().split()
            if not keys or min(map(len, keys)) < SECRET_CHARS:
                raise ValueError(
                    f"each key needs at least {SECRET_CHARS} characters; `openssl rand -hex 32` makes one"
                )
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            django_database(value.get_secret_value())
        return value

    @field_validator("events_url")
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and django_database(value.get_secret_value())["ENGINE"].endswith("sqlite3"):
            raise ValueError("must start with postgresql://; without it events are in a file of their own")
        return value

    @field_validator("blobs_url")
    @classmethod
    def _bucket(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme != "s3" or not parts.path.strip("/"):
                raise ValueError("must name a bucket: s3://KEY:SECRET@HOST:PORT/BUCKET")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ip_network(each)
            except ValueError as error:
                raise ValueError(f"{error}; give addresses or networks such as 10.1.0.0/16") from None
        return value

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and (
            urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname
        ):
            raise ValueError("must be an address that starts with http:// or https://")
        return value.rstrip("/") if value else None

    @field_validator("ca_bundle")
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @property
    def database(self) -> dict[str, Any]:
        """The entry of Django's DATABASES."""
        if self.database_url is None:
            return _sqlite(str(self.data_dir / "ropewalk.sqlite"))
        return django_database(self.database_url.get_secret_value())

    @property
    def ingest_calls_a_minute(self) -> int:
        if self.ingest_rate_limit is not None:
            return self.ingest_rate_limit
        return self.rate_limit if "rate_limit" in self.model_fields_set else INGEST_CALLS_A_MINUTE

    def link(self, path: str) -> str:
        """What somebody is given to open; where nobody has said under which address, that of `serve`."""
        return f"{self.public_url or LOCAL_URL}{path}"

    @property
    def jobs_url(self) -> str:
        """The job queue's database: a file of its own, or a schema of its own beside the record."""
        if self.database["ENGINE"].endswith("sqlite3"):
            return f"sqlite:///{self.data_dir / 'jobs.sqlite'}"
        assert self.database_url is not None
        return self.database_url.get_secret_value()

    @property
    def key_file(self) -> Path:
        """Beside the data folder, so that a copy of the folder doesn't carry the key to its own secrets."""
        return self.data_dir.with_name(self.data_dir.name + ".key")

    @property
    def given_keys(self) -> tuple[str, ...]:
        return tuple(self.secret_key.get_secret_value().split()) if self.secret_key else ()


def _read(cls: type[Installation], environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for name in cls.model_fields:
        variable = PREFIX + name.upper()
        text, path = environ.get(variable), environ.get(f"{variable}_FILE")
        if text and path:
            problems.append(Problem(variable, f"both {variable} and {variable}_FILE are set; keep one"))
        elif path:
            try:
                text = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                problems.append(Problem(f"{variable}_FILE", f"can't read {path}: {why}"))
                continue
            if not text:
                problems.append(Problem(f"{variable}_FILE", f"{path} is empty"))
        # An empty variable is how Compose files say "not set".
        if text:
            values[name] = text
    return values, problems


def _sqlite(path: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # FULL: what was acknowledged survives a power cut, at one fsync a transaction.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;",
        },
    }


def django_database(url: str) -> dict[str, Any]:
    """Raises ValueError, whose text never repeats the URL (it may hold a password)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL such as postgresql://user:password@host:5432/name") from None
    if parts.scheme == "sqlite":
        # sqlite:///relative.sqlite, sqlite:////absolute.sqlite
        path = unquote(parts.path.removeprefix("/"))
        if parts.netloc or not path:
            raise ValueError(
                "a SQLite database is given as sqlite:///relative/path or sqlite:////absolute/path"
            )
        return _sqlite(str(Path(path).expanduser().absolute()))
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must start with postgresql:// or sqlite:///")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = unquote(parts.hostname or "") or options.pop("host", "")
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise ValueError("names no database: postgresql://user:password@host:5432/NAME")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
