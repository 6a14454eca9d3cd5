"""The page of an application: a table of its segments, each of which is a study with a page of its own."""
