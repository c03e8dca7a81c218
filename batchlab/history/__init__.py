"""What has happened in a lab: its changes as tables, and what follows from them."""
