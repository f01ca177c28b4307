"""What the gateway counts: in memory that all workers share, rendered for Prometheus."""
