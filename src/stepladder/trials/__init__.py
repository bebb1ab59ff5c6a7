"""What is trained and what comes back."""
