"""Mapping our port on a home router: PCP, NAT-PMP, and whom to believe. UPnP is in core/io."""
