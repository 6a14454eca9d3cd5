"""The browser of all studies and champions, and the page that compares studies."""
