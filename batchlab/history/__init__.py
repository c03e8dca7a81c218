"""What has happened in a lab: its changes as tables, and what can be derived from them."""
