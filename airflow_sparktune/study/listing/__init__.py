"""The studies of a task without reading their journals: what a listing says, and rows kept beside them."""
