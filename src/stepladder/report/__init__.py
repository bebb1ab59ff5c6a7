"""Results as a reader sees them: tables, JSON, CSV, Markdown, figures, HTML, and progress."""
