import pytest
from hypothesis import example, given, strategies as st

from ropewalk.core import freemail, normalise


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.com", "acme.com"),
        ("  ACME.com\n", "acme.com"),
        ("https://www.Acme.com/about?x=1#y", "acme.com"),
        ("HTTP://acme.com", "acme.com"),
        ("//acme.com/x", "acme.com"),
        ("https://https://acme.com", "acme.com"),
        ("acme.com:8080/x", "acme.com"),
        ("acme.com:", "acme.com"),
        ("acme.com.", "acme.com"),
        ("acme.com.:443", "acme.com"),
        ("https://user:pa@ss@acme.com/", "acme.com"),
        ("https://medium.com/@acme", "medium.com"),
        ("acme.com?ref=a@b.org", "acme.com"),
        ("acme.com#a@b.org", "acme.com"),
        ("acme.com\\a", "acme.com"),
        ("Bob@Acme.com", "acme.com"),
        ("mailto:bob@acme.com", "acme.com"),
        ("www.www.acme.com", "acme.com"),
        ("www.com", "www.com"),
        ("www.ac.de", "ac.de"),
        ("www.de", "www.de"),
        ("wwww.de", "wwww.de"),
        ("www2.acme.com", "www2.acme.com"),
        ("eu.acme.co.uk", "eu.acme.co.uk"),
        ("müller.de", "xn--mller-kva.de"),
        ("MÜLLER.de", "xn--mller-kva.de"),
        ("www.müller.de。", "xn--mller-kva.de"),
        ("xn--mller-kva.de", "xn--mller-kva.de"),
        ("ｗｗｗ．ａｃｍｅ．com", "acme.com"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("my_app.example.com", "my_app.example.com"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
        (".".join(["a" * 49] * 5) + ".de", ".".join(["a" * 49] * 5) + ".de"),
        ("", None),
        ("   ", None),
        ("n/a", None),
        ("none", None),
        ("localhost", None),
        ("com", None),
        (".com", None),
        ("acme..com", None),
        ("-acme.com", None),
        ("acme-.com", None),
        ("acme.c-", None),
        ("acme .com", None),
        ("ac,me.com", None),
        ("acme.com:http", None),
        ("1.2.3.4", None),
        ("[::1]:80", None),
        ("a" * 64 + ".com", None),
        (".".join(["a" * 50] * 5) + ".de", None),
        ("i❤.ws", None),
        ("mü_ller.de", None),
        ("bob@", None),
        ("http://", None),
    ],
)
def test_domain(text, domain):
    assert normalise.domain(text) == domain


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("bob@acme.com", "bob@acme.com"),
        ("  Bob.B+x@ACME.com ", "bob.b+x@acme.com"),
        ("o'neil@acme.co.uk", "o'neil@acme.co.uk"),
        ("bob@müller.de", "bob@müller.de"),
        ("b@" + "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + ".defghijkl", None),
        ("b@" + "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + ".defghijk", "same"),
        ("", None),
        ("bob", None),
        ("bob@", None),
        ("@acme.com", None),
        ("bob@localhost", None),
        ("bob@acme.com.", None),
        ("bob@@acme.com", None),
        ("bob smith@acme.com", None),
        ("Bob <bob@acme.com>", None),
        ("mailto:bob@acme.com", None),
        ("bob@acme.com, al@acme.com", None),
        ("bob@i❤.ws", None),
        ("bob@acme.com/x", None),
    ],
)
def test_email(text, email):
    assert normalise.email(text) == (text if email == "same" else email)


@pytest.mark.parametrize(
    ("value", "external_id"),
    [
        (42, "42"),
        (42.0, "42"),
        ("42", "42"),
        ("  42 ", "42"),
        ("042", "042"),
        (-7, "-7"),
        (4.5, "4.5"),
        (2**63, str(2**63)),
        (1e22, "10000000000000000000000"),
        ("Ab C", "Ab C"),
        ("x" * 500, "x" * 500),
        ("x" * 501, None),
        ("a\0b", None),
        ("", None),
        ("  ", None),
        (None, None),
        (True, None),
        ([1], None),
        ({"id": 1}, None),
    ],
)
def test_external_id(value, external_id):
    assert normalise.external_id(value) == external_id


TEXTS = st.text() | st.from_regex(r"\A(https?://)?(www\.)*[\w.@:-]{1,20}\.(com|de|рф)\.?(:[0-9]*)?(/.*)?\Z")


@given(TEXTS)
@example("www.www.com")
@example("İ.com")
@example("ΑΣ@x.com")
@example("ß.de@x.de")
def test_normal_forms_are_stable(text):
    for normal_form in (normalise.domain, normalise.email, normalise.external_id):
        once = normal_form(text)
        assert once is None or normal_form(once) == once


@given(st.from_regex(r"\A[a-z][a-z0-9-]{0,20}[a-z]\.(com|de|io)\Z"))
def test_every_spelling_of_a_domain_is_the_same(name):
    spellings = [
        name,
        name.upper(),
        f"www.{name}",
        f"https://{name}/x",
        f"http://u:p@{name}:80",
        f"a@{name}",
        f"{name}.",
    ]
    assert {normalise.domain(spelling) for spelling in spellings} == {normalise.domain(name)}


@pytest.mark.parametrize(
    ("name", "free"), [("gmail.com", True), ("outlook.com", True), ("web.de", True), ("acme.com", False)]
)
def test_free_mail(name, free):
    assert normalise.is_free_mail(name) is free


def test_the_list_of_free_mail_domains_is_in_normal_form_and_long_enough():
    assert {name: normalise.domain(name) for name in freemail.DOMAINS} == {
        name: name for name in freemail.DOMAINS
    }
    assert len(freemail.DOMAINS) > 500
