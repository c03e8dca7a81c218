"""The state of the service: records with their phases, and the one place that changes them."""
