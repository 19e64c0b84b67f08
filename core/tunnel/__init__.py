"""Router tunnels: layer encryption, fragments, hops of others, builds, pools and hop selection."""
