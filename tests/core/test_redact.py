import base64
import json
from decimal import Decimal
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import redact
from ropewalk.core.redact import Redactor, named_secrets

TOKEN = "s3cr3t/Töken+ 1"


def b64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Bearer {TOKEN}!", "Bearer ***!"),
        (f"{TOKEN}{TOKEN}", "******"),
        (f"?key={quote(TOKEN)}&a=1", "?key=***&a=1"),
        (f"?key={quote(TOKEN, safe='')}&a=1", "?key=***&a=1"),
        ("?key=s3cr3t%2fT%c3%b6ken%2b%201&a=1", "?key=***&a=1"),
        (f"?key={quote_plus(TOKEN)}&a=1", "?key=***&a=1"),
        (f"?{urlencode({'k': TOKEN})}", "?k=***"),
        (json.dumps({"t": TOKEN}), '{"t": "***"}'),
        (json.dumps({"t": TOKEN}).replace("/", "\\/"), '{"t": "***"}'),
        ("nothing here", "nothing here"),
        ("", ""),
    ],
)
def test_a_secret_is_taken_out_of_text(text, expected):
    assert Redactor([TOKEN]).text(text) == expected


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user@acme.com"])
def test_a_secret_is_taken_out_of_basic_credentials(user):
    shown = Redactor([TOKEN]).text(f"Basic {b64(f'{user}:{TOKEN}')} end")
    assert ("***" in shown, shown.endswith(" end"), TOKEN[:6] in shown) == (True, True, False)


def test_the_longest_secret_goes_first():
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcd") == "*** ***"


def test_a_quote_in_a_secret_is_found_in_json():
    secret = 'a"b\\c\td'
    assert Redactor([secret]).text(json.dumps([secret])) == '["***"]'


KEY = "".join(f"{number:02}%" for number in range(60))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"<{KEY}>{KEY}{KEY}<{KEY[:-1]}", f"<***>******<{KEY[:-1]}"),
        (f"{KEY[:90]}{KEY}", f"{KEY[:90]}***"),
        (f"{quote(KEY)}+{KEY[:30]}{quote(KEY[30:]).lower()}", "***+***"),
        (KEY.replace("%", "\\u0025"), "***"),
        (f"short {KEY}", "*** ***"),
        (KEY[:64], KEY[:64]),
    ],
)
def test_a_long_secret_is_taken_out_however_it_is_written(text, expected):
    assert Redactor([KEY, "short"]).text(text) == expected
    assert Redactor([KEY]).text(text) == expected.replace("***", "short", "short" in text)


def test_a_secret_of_thousands_of_characters():
    secret = "".join(map(chr, range(0x4E00, 0x6200)))
    assert Redactor([secret]).text(f"a {secret} b {secret[:-1]}") == f"a *** b {secret[:-1]}"


def test_short_secrets_are_left_to_their_names():
    redactor = Redactor(["abc", ""])
    assert (redactor.text("abc"), redactor.redact({"password": "abc"})) == ("abc", {"password": "***"})


@pytest.mark.parametrize(
    ("secrets", "marker"),
    [
        ([], "***"),
        (["abcd"], "***"),
        (["ab*cd"], "•••"),
        (["ab*cd", "a•••"], "\ue000"),
        (["ab*cd", "a•••", "\ue000abc"], "\ue001"),
    ],
)
def test_the_marker_cannot_become_part_of_a_secret(secrets, marker):
    assert Redactor(secrets).marker == marker


def test_structures_by_value_and_by_name():
    redactor = Redactor(["s3cr3t"])
    log = {
        "event": "sent s3cr3t",
        "headers": [("Authorization", "x"), {"X-Api-Key": "x", "Accept": "s3cr3t/json"}],
        "s3cr3t": {1, "s3cr3t"} - {1},
        "password": None,
        "token": 5,
        "ok": True,
        "none": None,
        "count": 5,
        "body": b"\xff s3cr3t",
        "error": ValueError("s3cr3t"),
        1: "one",
    }
    assert redactor.redact(log) == {
        "event": "sent ***",
        "headers": [["Authorization", "x"], {"X-Api-Key": "***", "Accept": "***/json"}],
        "***": ["***"],
        "password": None,
        "token": "***",
        "ok": True,
        "none": None,
        "count": 5,
        "body": b"\xff ***",
        "error": "***",
        1: "one",
    }
    assert redactor.values({"token": "x", "a": ["s3cr3t"]}) == {"token": "x", "a": ["***"]}


def test_a_number_that_is_a_secret():
    amount = Decimal("1.5")
    assert Redactor(["123456"]).redact([123456, 1234, amount]) == ["***", 1234, amount]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("Cookie", True),
        ("Set-Cookie", True),
        ("password", True),
        ("passwd", True),
        ("client_secret", True),
        ("X-API-Key", True),
        ("apikey", True),
        ("api_key", True),
        ("access_token", True),
        ("refreshToken", True),
        ("token", True),
        ("X-Auth-Token", True),
        ("key", True),
        ("private_key", True),
        ("credentials", True),
        ("sig", True),
        ("X-Amz-Signature", True),
        ("sessionid", True),
        ("name", False),
        ("page", False),
        ("page_token", False),
        ("next_page_token", False),
        ("keyword", False),
        ("token_count", False),
        ("monkey", False),
        ("primary_key", False),
        ("company", False),
        ("author", False),
        ("passenger", False),
        ("", False),
    ],
)
def test_names_that_hold_credentials(name, secret):
    assert redact.is_secret_name(name) is secret


# Of the long ones only the head is looked for at once.
LONG = st.text(min_size=4, max_size=6).map(lambda text: text * 20)
SECRETS = (st.text(min_size=4, max_size=30) | LONG).filter(lambda text: text.isprintable())
PLAIN = st.text(alphabet='abc /+=%:&?-_\\"', max_size=10)


@given(SECRETS, PLAIN, PLAIN)
def test_redaction_leaves_no_secret(secret, before, after):
    redactor = Redactor([secret])
    data = secret.encode()
    forms = [
        secret,
        base64.b64encode(data).decode().rstrip("="),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(base64.b64encode(data).rstrip(b"="), safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    ]
    for form in forms:
        shown = redactor.text(f"{before}{form}{after}")
        assert redactor.marker in shown
        assert [found for found in forms if found in shown] == []


@given(SECRETS, st.text(max_size=8))
def test_redaction_leaves_no_secret_inside_base64(secret, user):
    redactor = Redactor([secret])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(f"{user}:{secret}".encode()).decode()
        shown = redactor.text(encoded)
        assert redactor.marker in shown
        # What is left besides the marker decodes to the user and a few bits at most.
        assert len(shown.replace(redactor.marker, "")) <= len(encoded) - len(secret.encode()) * 8 // 6 + 1


def test_a_quoted_url_tells_no_parameter_that_is_called_like_a_secret():
    url = "https://x.example/?api_key=other&page=2&q=s3cret;to%6ben=a#top"

    assert Redactor(["s3cret"]).quote(url) == "https://x.example/?api_key=***&page=2&q=***;to%6ben=***#top"


def test_what_a_body_calls_a_secret():
    body = {
        "name": "CRM",
        "settings": {
            "auth": {"type": "api_key", "in": "header", "name": "X-Key", "token": "in the wrong place"}
        },
        "secrets": {"token": "a", "tokn": "misspelled", "password": {"set": True}, "client_secret": None},
        "streams": {
            "accounts": {"secrets": {"password": "b"}, "headers": {"Authorization": "c", "Accept": "d"}}
        },
        "more": [{"apiKey": "e"}, {"secret": ["f"]}, "token"],
    }

    assert list(named_secrets(body)) == ["in the wrong place", "a", "misspelled", "b", "c", "e"]
    assert list(named_secrets("token")) == []


@given(
    SECRETS,
    st.recursive(st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)
def test_redaction_is_stable_and_leaves_no_secret_in_structures(secret, value):
    redactor = Redactor([secret])
    shown = redactor.redact([value, {secret: [secret], "x": f"-{secret}-"}])
    assert redactor.redact(shown) == shown
    assert [text for text in _texts(shown) if secret in text] == []


def _texts(value):
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else [value]
