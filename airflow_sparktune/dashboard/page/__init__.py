"""What the page shows: its data as schemas, its files, and the report made of both."""
