"""A Gaussian process sampler for many parallel trials.

The entry point is `sampler`. `space` encodes configurations as rows of numbers, each number on its `axis`.
`history` holds the data for a suggestion: results, with their `scale` and `noise`, and running trials.
`start` spreads the first configurations. `fits` decides when `model` is fitted, `candidates` creates rows,
and `acquisition` rates them, less the price of their `run_time` if the study weighs that. `escape` leaves a
region that no longer improves. `proposal` combines them.
"""
