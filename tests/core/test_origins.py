from __future__ import annotations

import pytest

from ropewalk.core.origins import origin


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com/v1?x=1", "https://api.example.com"),
        ("HTTPS://API.Example.com:443/", "https://api.example.com"),
        ("http://api.example.com:80", "http://api.example.com"),
        ("http://api.example.com:443", "http://api.example.com:443"),
        ("https://user:pass@api.example.com:8443/a", "https://api.example.com:8443"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example"),
        ("http://[::1]:8000/x", "http://[::1]:8000"),
        ("http://[0:0::0:1]/x", "http://[::1]"),
        ("https://api.example.com./x", "https://api.example.com"),
        ("https://BÜCHER.example./x", "https://xn--bcher-kva.example"),
        ("https://api%2eexample.com/x", "https://api.example.com"),
        ("https://evil.example\\.good.example/x", "https://evil.example"),
        ("https://a..b/x", "https://a..b"),
        ("https://a%3Ab/x", "https://a%3ab"),
        ("https://[v1.a:b]/x", "https://[v1.a:b]"),
    ],
)
def test_origin(url: str, expected: str) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://x.example/", "give an http:// or https:// URL, like https://api.example.com/v1/accounts"),
        ("https:///x", "give an http:// or https:// URL, like https://api.example.com/v1/accounts"),
        ("api.example.com", "give an http:// or https:// URL, like https://api.example.com/v1/accounts"),
        ("https://x.example:port/", "this is not a URL; give one like https://api.example.com/v1/accounts"),
        ("https://[x/", "this is not a URL; give one like https://api.example.com/v1/accounts"),
        ("https://x.example/a b", "a URL holds no spaces and no control characters"),
        ("https://x.example/\x7f", "a URL holds no spaces and no control characters"),
        ("https://-ü.example/", "the host of this URL is not a name that can be looked up"),
        ("https://ü\u2028.example/", "the host of this URL is not a name that can be looked up"),
    ],
)
def test_no_origin(url: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        origin(url)
    assert str(caught.value) == message
