"""What an account holds beside pools and jobs: applications, certificates, users."""
