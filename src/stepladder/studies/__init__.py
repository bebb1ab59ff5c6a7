"""The built-in studies, as study files."""
