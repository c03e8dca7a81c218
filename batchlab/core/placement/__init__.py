"""Which task runs where, next."""
