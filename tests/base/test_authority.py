from core.base.authority import authority, bracketed


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert authority("::1", 80) == "[::1]:80"
    assert authority("192.0.2.1", 80) == "192.0.2.1:80"
    assert bracketed("example.i2p") == "example.i2p"
