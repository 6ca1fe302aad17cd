"""Django's settings. What an operator decides is in `installation`; this module composes it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ropewalk.engine.clock import Clock, SystemClock
from ropewalk.installation import Installation
from ropewalk.store import imported, keyring

ROPEWALK = Installation.load()
CLOCK: Clock = SystemClock()

_keys = keyring.load(ROPEWALK.given_keys, ROPEWALK.key_file, ROPEWALK.data_dir)
ROPEWALK.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

SECRET_KEY, *SECRET_KEY_FALLBACKS = _keys.signing()
DEBUG = False
ALLOWED_HOSTS = [*ROPEWALK.allowed_hosts, "localhost", "127.0.0.1", "[::1]"]
if ROPEWALK.public_url:
    ALLOWED_HOSTS.append(str(urlsplit(ROPEWALK.public_url).hostname))

# Each thread of the web server keeps its connection; PostgreSQL's has a lifetime of its own.
DATABASES: dict[str, dict[str, Any]] = {"default": {"CONN_MAX_AGE": None, **ROPEWALK.database}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "ropewalk.store",
]
_WEB = Path(__file__).parent / "web"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_WEB / "templates"],
        "OPTIONS": {"builtins": ["ropewalk.web.tags"]},
    }
]
MIDDLEWARE = [
    "ropewalk.middleware.Edge",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ropewalk.middleware.ForPages",
    "ropewalk.middleware.DatabaseAway",
]
ROOT_URLCONF = "ropewalk.urls"

STATIC_URL = "/static/"
# The files of the API's page, without loading the framework that brings them; and htmx.
STATICFILES_DIRS = [
    ("ropewalk", _WEB / "static" / "ropewalk"),
    *(
        (name, Path(folder) / "static" / name)
        for name in ("ninja", "django_htmx")
        if (package := find_spec(name)) is not None
        for folder in package.submodule_search_locations or ()
    ),
]
# Ours are asked for by their content's digest (`web.tags.asset`).
WHITENOISE_MAX_AGE = 24 * 3600
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

AUTH_USER_MODEL = "ropewalk.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# A file that somebody hands over goes to the data folder as it comes, and never into memory.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = str(imported.folder(ROPEWALK.data_dir))

SESSION_COOKIE_NAME = "ropewalk_session"
CSRF_COOKIE_NAME = "ropewalk_csrf"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/app"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "ropewalk.web.refusals.forged"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = bool(
    ROPEWALK.public_url and ROPEWALK.public_url.startswith("https:")
)
CSRF_TRUSTED_ORIGINS = [ROPEWALK.public_url] if ROPEWALK.public_url else []

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
# Logging is set up by whoever starts the process.
LOGGING_CONFIG = None
