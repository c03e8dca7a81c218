"""The other resources of an account: applications, certificates and users."""
