"""Every revision of the store's schema, as Alembic applies them; they go into the wheel."""
