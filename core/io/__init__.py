"""The rim: the only room with asyncio, sockets, disk, the real clock and real entropy."""
