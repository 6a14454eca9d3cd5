"""Build the page: its data as schemas, its files, and the report made of both."""
