"""The router: identity, and the engine that owns every machine and carries their events."""
