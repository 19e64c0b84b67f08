"""SSU2: sessions with other routers over UDP."""
