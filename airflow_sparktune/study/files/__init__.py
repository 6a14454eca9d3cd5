"""The files in a study's folder besides its journal and its spec."""
