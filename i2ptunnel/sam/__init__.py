"""SAM 3.3 (samv3.md): a door for programs that bring their own I2P support.

``protocol`` is what the lines mean, without I/O; the modules beside it are the bridge: connections,
sessions over ``core.api``, streams, datagrams, names, users and what is kept for a restart.
"""
