"""Scene with many materials -> Scene with few, and images that hold what the source's held."""
