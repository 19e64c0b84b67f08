"""Native twins of the flat rooms; core.base.native finds them by name."""

from i2ptunnel_native.datagram import ChaChaMask, PacketOpener, PacketSealer, read_destination
from i2ptunnel_native.hop_cipher import HopEncryptor, LayerDecryptor
from i2ptunnel_native.link import FrameOpener, FrameSealer, split_blocks
from i2ptunnel_native.ratchet import chain_step, open_once, seal_once
from i2ptunnel_native.sorter import TunnelDataSorter
from i2ptunnel_native.tunnel import Endpoint, Preprocessor, pack

INTERFACE = 4
"""Raised with every change of a twin's interface; core.base.native takes only its own."""

__all__ = [
    "ChaChaMask",
    "Endpoint",
    "FrameOpener",
    "FrameSealer",
    "HopEncryptor",
    "LayerDecryptor",
    "PacketOpener",
    "PacketSealer",
    "Preprocessor",
    "TunnelDataSorter",
    "chain_step",
    "open_once",
    "pack",
    "read_destination",
    "seal_once",
    "split_blocks",
]
