"""The sentences for answers that are of no use: which page, what came back, and what to change."""

from __future__ import annotations

from ropewalk.core import limits
from ropewalk.core.errors import Cancelled, GiveUp, MustFix, RetryLater, RopewalkError
from ropewalk.core.redact import Redactor
from ropewalk.net.origin import Target
from ropewalk.net.transfer import Broken

_QUOTED_CHARS = 300
_URL_CHARS = 500
_READ_BYTES = 8 * 1024


class TokenRefused(MustFix):
    """A 401 to a request that carried its credential: an access token may have ended before its time."""


def shown(target: Target, redactor: Redactor) -> str:
    return _cut(redactor.quote(target.url), _URL_CHARS)


def start(body: bytes, redactor: Redactor) -> str:
    """The start of a body, on one line. Redacted before it is cut, so that no half of a secret is left."""
    text = redactor.quote(body[:_READ_BYTES].decode("utf-8", "replace"))
    return _cut(" ".join("".join(c if c.isprintable() else " " for c in text).split()), _QUOTED_CHARS)


def broken(error: Broken, url: str, redactor: Redactor, seconds: float) -> RopewalkError:
    """What an exchange that gave no whole answer means; `RetryLater` where another try may help."""
    reason = redactor.quote(error.reason)
    if error.trouble == "cancelled":
        return Cancelled()
    if error.trouble == "timeout":
        return RetryLater(
            "timeout",
            f"{url} gave no whole answer within {seconds:.3g} s. Raise the timeout (Advanced settings) or lower the "
            "page size.",
            detail=reason,
        )
    if error.trouble == "tls":
        return MustFix(
            "tls_failed",
            f"{url}: the server's certificate could not be verified ({reason}). An authority of your own goes into "
            "the installation's CA bundle.",
        )
    if error.trouble == "encoding":
        return MustFix(
            "unknown_encoding",
            f"{url} answered with the content encoding “{_cut(reason, 60)}”; gzip, deflate and br are understood.",
        )
    if error.trouble == "not_http":
        return MustFix("not_http", f"{url} did not answer in HTTP; check scheme and port.", detail=reason)
    if error.trouble == "too_large":
        return MustFix(
            "too_large",
            f"{url} answered with more than {limits.BODY_BYTES // 1024**2} MiB; lower the page size.",
        )
    if error.trouble == "no_room":
        return GiveUp("no_room", f"There is no room for temporary files on this machine ({reason}).")
    return RetryLater("connection_failed", f"{url}: the connection failed ({reason}).", detail=reason)


def refusal(
    status: int, url: str, body: str, *, after: float | None, retried: bool, hint: str = ""
) -> RopewalkError:
    """What an answer that is no 2xx means."""
    said = f" It said: {body}" if body else ""
    if status == 429:
        asked = "" if after is None else f" and asked to wait {after:g} s"
        return RetryLater(
            "rate_limited",
            f"{url} answered 429, too many requests{asked}. Such requests are tried again by themselves after the "
            "wait that the API asks for; set a requests-per-minute budget on the connector to stay below its limit."
            f"{said}",
            after=after,
        )
    if retried:
        return RetryLater("unavailable", f"{url} answered {status}.{said}", after=after)
    if status in (401, 403):
        kind = TokenRefused if status == 401 and not hint else MustFix
        return kind(
            "authentication_failed",
            f"{url} answered {status}: the API did not accept the credential. Check the auth type and enter the "
            f"secret again.{hint}{said}",
        )
    if status == 404:
        return MustFix("not_found_there", f"{url} answered 404: nothing is there; check the URL.{hint}{said}")
    return MustFix("unexpected_status", f"{url} answered {status}.{hint}{said}")


def empty(status: int, url: str) -> MustFix:
    return MustFix(
        "empty_body", f"{url} answered {status} without a body, where records were expected; check the URL."
    )


def not_ready(url: str) -> RetryLater:
    return RetryLater("timeout", f"{url} was still working on its answer when the time was up.")


def exhausted(error: RetryLater, tries: int) -> RetryLater:
    if tries == 1:
        return error
    message = f"{error.message} Tried {tries} times."
    return RetryLater(error.code, message, after=error.after, detail=error.detail)


def too_long(error: RetryLater) -> RetryLater:
    message = (
        f"{error.message} The wait of {error.after:g} s is longer than the {limits.RETRY_AFTER_SECONDS} s "
        "that a run waits; the next run starts no earlier."
    )
    return RetryLater(error.code, message, after=error.after, detail=error.detail)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
