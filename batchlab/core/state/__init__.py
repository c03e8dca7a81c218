"""What the service knows: records with their phases, and the one place that changes them."""
