"""A Gaussian process that suggests for many trials at once.

`suggest` is the way in, a suggest function of hyperopt's. `space` encodes configurations as rows of numbers,
`history` is what a suggestion is made from, `start` spreads the first ones. Then `fits` says when `model` is
fitted, `candidates` makes rows, `acquisition` says what each promises, `escape` leaves a region that no
longer improves, and `proposal` puts these together.
"""
