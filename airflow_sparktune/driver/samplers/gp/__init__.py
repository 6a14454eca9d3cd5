"""A Gaussian process that suggests for many trials at once.

`suggest` is the way in, a suggest function of hyperopt's. `space` encodes configurations as numbers, `start`
spreads the first ones, `model` fits the process, `acquisition` says what a candidate promises, `candidates`
makes them, `escape` leaves a region that no longer improves, and `proposal` puts these together.
"""
