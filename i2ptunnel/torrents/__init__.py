"""Torrents: libtorrent's session in a process that reaches nothing but a SAM bridge of ours.

``confinement`` shuts a process in, ``worker`` is that process and ``engine`` what it does.
``clean`` takes out of torrents what leads out of I2P. ``process`` is the worker seen from this
program, ``client`` what the commands use.
"""
