"""The HTTP server: health, metrics, debug state."""
