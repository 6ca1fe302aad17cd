"""Addresses that must never be connected to (product.md §12.2), however they are spelled."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.errors import MustFix, Refused, RetryLater
from ropewalk.core.origins import canonical
from ropewalk.net.guard import Guard, public
from ropewalk.net.origin import parse

LITERAL = {
    "loopback": ["127.0.0.1", "127.0.0.53", "127.255.255.254", "127.1.2.3", "[::1]", "[0:0:0:0:0:0:0:1]"],
    "private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1", "[fc00::1]", "[fdff::9]"],
    "link-local and metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.0.1",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[febf::1]",
        "[fe80::1%25eth0]",
    ],
    "carrier-grade NAT": ["100.64.0.0", "100.64.0.1", "100.100.0.1", "100.127.255.255", "100.96.1.1"],
    "unspecified": ["0.0.0.0", "0.0.0.1", "0.255.255.255", "[::]", "[0:0:0:0:0:0:0:0]", "[::0.0.0.0]"],
    "multicast": ["224.0.0.1", "239.255.255.250", "232.1.1.1", "[ff02::1]", "[ff0e::1]", "[ff05::1:3]"],
    "reserved": [
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "198.18.0.1",
        "198.19.255.255",
        "192.0.0.8",
        "192.88.99.1",
        "[2001:db8::1]",
        "[3fff::1]",
        "[5f00::1]",
        "[100::1]",
        "[fec0::1]",
        "[::127.0.0.1]",
        "[4000::1]",
    ],
    "IPv4-mapped": [
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:10.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:100.64.0.1]",
        "[::ffff:0.0.0.0]",
        "[::FFFF:C0A8:0101]",
        "[::ffff:0:127.0.0.1]",
    ],
    "NAT64 and tunnels": [
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::c0a8:101]",
        "[64:ff9b:1::10.0.0.1]",
        "[2002:7f00:1::]",
        "[2002:c0a8:101::1]",
        "[2002:a9fe:a9fe::]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    ],
    "decimal": ["2130706433", "3232235777", "2852039166", "0", "167772161", "4294967295"],
    "octal": ["0177.0.0.1", "0177.0000.0000.0001", "017700000001", "012.0.0.1", "0251.0376.0251.0376", "127.0.0.01"],
    "hex": ["0x7f000001", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0XA9FEA9FE", "0xa.0.0.1", "0x7f.0.0.0x"],
    "short": ["127.1", "127.0.1", "10.1", "192.168.257", "0.1", "169.254.43518"],
    "mixed": ["0x7f.1", "0177.1", "127.0x1", "0x7f.0.01", "10.0x0.1", "0300.168.257"],
    "trailing dots": ["127.0.0.1.", "127.0.0.1..", "127.1.", "2130706433.", "0x7f.1.", "169.254.169.254."],
    "other alphabets": [
        "\u2460\u2461\u2466.0.0.1",  # circled digits
        "127\u30020\u30020\u30021",  # ideographic full stops
        "\uff11\uff12\uff17.0.0.1",  # full-width digits
        "\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1",  # mathematical digits
        "127\uff0e1",  # a full-width dot in a short form
        "\uff10\uff587f.1",  # a full-width 0x
    ],
    "percent signs": ["%31%32%37.0.0.1", "127%2e0%2e0%2e1", "%30x7f000001", "127.0.0.%31", "%31%30.0.0.1"],
}  # fmt: skip


def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


def sentence(host: str) -> str:
    return (
        f"{host} resolves to a private address; whoever operates this installation can allow it with "
        "ROPEWALK_ALLOW_NETWORKS"
    )


@pytest.mark.parametrize("host", [host for hosts in LITERAL.values() for host in hosts])
def test_no_spelling_of_a_private_address_passes(host: str) -> None:
    with pytest.raises(Refused) as caught:
        Guard(resolver=never).check(host)

    assert (caught.value.code, caught.value.message) == ("address_refused", sentence(host))


@pytest.mark.parametrize(
    "url",
    [
        "http://user@127.0.0.1/",
        "http://api.example.com@127.0.0.1/",
        "http://user:password@127.0.0.1:80/",
        "http://a@b@127.0.0.1/",
        "http://api.example.com%40@127.0.0.1/",
        "http://api.example.com:80@127.0.0.1/",
        "http://@127.0.0.1/",
    ],
)
def test_user_info_does_not_hide_the_host(url: str) -> None:
    with pytest.raises(Refused) as caught:
        Guard(resolver=never).check(parse(url).spelled)

    assert caught.value.message == sentence("127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1\\@api.example.com/",
        "http:\\\\127.0.0.1\\",
        "http://127.0.0.1#@api.example.com/",
        "http://127.0.0.1?@api.example.com/",
        "http:/\\127.0.0.1/",
    ],
)
def test_the_host_ends_where_other_parsers_end_it(url: str) -> None:
    assert parse(url).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("localhost", ["127.0.0.1", "::1"]),
        ("localtest.example", ["127.0.0.1"]),
        ("10.0.0.1.nip.example", ["10.0.0.1"]),
        ("metadata.google.internal", ["169.254.169.254"]),
        ("mapped.example", ["::ffff:192.168.0.1"]),
        ("linklocal.example", ["fe80::1%eth0"]),
        ("intranet", ["192.168.3.4"]),
        ("nat64.example", ["64:ff9b::a00:1"]),
        ("bücher.example", ["127.0.0.1"]),
        ("rooted.example.", ["100.64.1.1"]),
    ],
)
def test_a_name_that_leads_to_a_private_address_is_refused(name: str, addresses: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        Guard(resolver=lambda host, port: addresses).check(name)

    assert caught.value.message == sentence(name)


@pytest.mark.parametrize(
    "addresses",
    [
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["93.184.216.34", "2606:2800:220:1::1", "fe80::1"],
        ["2606:2800:220:1::1", "::ffff:10.0.0.1"],
        ["93.184.216.34", "93.184.216.35", "0.0.0.0"],
    ],
)
def test_one_private_address_among_public_ones_is_enough(addresses: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        Guard(resolver=lambda host, port: addresses).check("mixed.example")

    assert caught.value.message == sentence("mixed.example")


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("93.184.216.34", ["93.184.216.34"]),
        ("93.184.216.34.", ["93.184.216.34"]),
        ("[2606:2800:220:1::1]", ["2606:2800:220:1::1"]),
        ("[::ffff:93.184.216.34]", ["::ffff:5db8:d822"]),
        ("[64:ff9b::93.184.216.34]", ["64:ff9b::5db8:d822"]),
        ("172.32.0.1", ["172.32.0.1"]),
        ("100.128.0.1", ["100.128.0.1"]),
        ("172.15.255.255", ["172.15.255.255"]),
        ("223.255.255.255", ["223.255.255.255"]),
    ],
)
def test_public_addresses_pass(host: str, addresses: list[str]) -> None:
    assert Guard(resolver=never).check(host) == tuple(map(ip_address, addresses))


def test_a_public_name_gives_the_addresses_to_connect_to_each_once() -> None:
    asked: list[tuple[str, int]] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["93.184.216.34", "93.184.216.34", "2606:2800:220:1::1"]

    found = Guard(resolver=resolver).check("BÜCHER.example.", 8443)

    assert found == (ip_address("93.184.216.34"), ip_address("2606:2800:220:1::1"))
    assert asked == [("xn--bcher-kva.example", 8443)]


@pytest.mark.parametrize(
    ("allow", "host"),
    [
        ("127.0.0.0/8", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.1.0.0/16", "10.1.2.3"),
        ("10.1.2.3/16", "10.1.2.3"),
        ("fd00::/8", "[fd00::1]"),
        ("[::1]", "[::1]"),
        ("127.0.0.0/8", "[::ffff:127.0.0.1]"),
        (" 192.168.0.0/16 ", "192.168.4.5"),
    ],
)
def test_allowed_networks_pass(allow: str, host: str) -> None:
    assert Guard([allow], never).check(host) == (ip_address(host.strip("[]")),)


def test_allowed_host_names_pass_whatever_their_spelling() -> None:
    guard = Guard(["Crm.Internal.", "bücher.example"], lambda host, port: ["10.0.0.7"])

    assert guard.check("crm.internal") == (ip_address("10.0.0.7"),)
    assert guard.check("CRM.internal.") == (ip_address("10.0.0.7"),)
    assert guard.check("xn--bcher-kva.example") == (ip_address("10.0.0.7"),)
    with pytest.raises(Refused):
        guard.check("other.crm.internal")


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f000001", "2130706433", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1"]
)
def test_an_allowed_network_opens_nothing_beside_it(host: str) -> None:
    with pytest.raises(Refused):
        Guard(["127.0.0.0/8"], never).check(host)


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "http://crm", "127.1", "a b", "crm:80", "*.example.com"])
def test_what_is_neither_network_nor_name_is_named_at_the_start(entry: str) -> None:
    with pytest.raises(MustFix) as caught:
        Guard(["127.0.0.0/8", entry])

    assert [problem.message for problem in caught.value.problems] == [
        f"{entry} is no network and no host name"
    ]


def test_the_systems_own_names_are_judged_too() -> None:
    with pytest.raises(Refused) as caught:
        Guard().check("localhost", 80)

    assert caught.value.message == sentence("localhost")


def test_a_name_that_does_not_exist_is_the_admins_to_mend() -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(MustFix) as caught:
        Guard(resolver=resolver).check("slip.example")

    assert caught.value.message == "There is no host slip.example; check the URL for a slip of the pen."


def test_a_name_server_that_fails_is_worth_another_try() -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(RetryLater) as caught:
        Guard(resolver=resolver).check("slow.example")

    assert caught.value.code == "lookup_failed"


@pytest.mark.parametrize("host", ["", "exa mple.com", "a..b", "-", "a/b", "x" * 64, "a" * 250 + ".com", "\0"])
def test_what_is_no_host_name_is_said_to_be_none(host: str) -> None:
    with pytest.raises(MustFix) as caught:
        Guard(resolver=never).check(host)

    assert caught.value.code == "invalid_url"


@given(st.ip_addresses(v=4))
def test_every_form_of_an_address_is_judged_alike(address: object) -> None:
    number = int(ip_address(str(address)))
    plain = public(ip_address(str(address)))

    assert public(ip_address(f"::ffff:{address}")) == plain
    assert public(ip_address((0x64FF9B << 96) + number)) == plain


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_public(address: object) -> None:
    known = ip_address(str(address))
    if (
        known.is_private
        or known.is_loopback
        or known.is_link_local
        or known.is_multicast
        or known.is_reserved
    ):
        mapped = getattr(known, "ipv4_mapped", None)
        assert (
            not public(known) or (mapped is not None and public(mapped)) or str(known).startswith("64:ff9b::")
        )


@given(st.text(max_size=40))
def test_a_canonical_host_stays_as_it_is(text: str) -> None:
    once = canonical(text)

    assert once is None or canonical(once) == once
