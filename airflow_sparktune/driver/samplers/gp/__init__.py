"""A Gaussian process sampler for many parallel trials.

The entry point is `suggest`, a hyperopt suggest function. `space` encodes configurations as rows of numbers,
`history` holds the data for a suggestion, and `start` spreads the first configurations. `fits` decides when
`model` is fitted, `candidates` creates rows, and `acquisition` rates them. `escape` leaves a region that no
longer improves. `proposal` combines them.
"""
