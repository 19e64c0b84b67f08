"""Client sessions: one local destination with its tunnels, lease set, ratchet and streams."""
