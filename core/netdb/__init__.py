"""The network database: store, lookups, publishing, exploration and the floodfill role."""
