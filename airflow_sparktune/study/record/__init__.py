"""Services above the journal: the record of champions, and what is asked of studies that have ended."""
