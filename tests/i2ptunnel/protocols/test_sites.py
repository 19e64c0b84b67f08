"""What counts as one site: certain domains are put together, everything else stays apart."""

from __future__ import annotations

import itertools

import pytest

from i2ptunnel.protocols.sites import registered_name, site_outside

B32 = "a" * 52 + ".b32.i2p"

ONE_SITE = [
    ("example.com", "www.example.com", "a.b.example.com"),
    ("example.co.uk", "shop.example.co.uk", "a.shop.example.co.uk"),
    ("example.com.au", "www.example.com.au"),
    ("example.de", "www.example.de", "cdn.example.de"),
    ("example.uk.com", "www.example.uk.com"),
    ("example.xyz", "www.example.xyz"),
    ("department.gov.uk", "www.department.gov.uk"),
]

# No two may be taken for one.
DIFFERENT_SITES = [
    ("example.com", "example.org", "example.net"),
    ("one.co.uk", "two.co.uk", "one.org.uk", "two.org.uk", "one.nhs.uk", "one.police.uk"),
    ("one.gov.uk", "two.gov.uk", "one.leeds.sch.uk", "two.leeds.sch.uk"),
    ("one.com.br", "two.com.br", "one.gov.br", "one.sp.gov.br", "two.sp.gov.br"),
    ("one.nsw.edu.au", "two.nsw.edu.au", "one.edu.au"),
    ("one.tokyo.jp", "two.tokyo.jp", "one.chiyoda.tokyo.jp", "two.chiyoda.tokyo.jp"),
    ("one.co.jp", "two.co.jp", "one.kawasaki.jp"),
    ("one.krakow.pl", "two.krakow.pl", "one.com.pl"),
    ("one.roma.it", "two.roma.it", "one.gouv.fr", "two.gouv.fr"),
    ("one.k12.ca.us", "two.k12.ca.us"),
    ("one.github.io", "two.github.io", "one.pages.dev", "two.pages.dev", "a.one.pages.dev"),
    ("one.blogspot.com", "two.blogspot.com", "one.herokuapp.com", "two.herokuapp.com"),
    ("one.s3.amazonaws.com", "two.s3.amazonaws.com", "one.eu.org", "two.eu.org"),
    ("one.uk.com", "two.uk.com", "one.uk.net", "one.co.com", "two.co.com"),
    ("one.gov.ie", "two.gov.ie"),
    ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"),
]


@pytest.mark.parametrize("hosts", ONE_SITE, ids=lambda hosts: hosts[0])
def test_hosts_of_one_domain_are_one_site(hosts: tuple[str, ...]) -> None:
    assert {site_outside(host) for host in hosts} == {hosts[0]}


def test_hosts_of_different_owners_never_are() -> None:
    sites = [(site_outside(host), host) for group in DIFFERENT_SITES for host in group]
    for (one, host), (other, other_host) in itertools.combinations(sites, 2):
        assert one != other, (host, other_host)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.i2p", "example.i2p"),
        ("forum.example.i2p", "example.i2p"),
        ("a.b.example.i2p", "example.i2p"),
        (B32, B32),
        ("i2p", "i2p"),
        ("A" * 516, "A" * 516),
    ],
)
def test_names_in_i2p(host: str, name: str) -> None:
    assert registered_name(host) == name
