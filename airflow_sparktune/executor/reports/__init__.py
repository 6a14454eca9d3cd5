"""The reports of running trials in a worker: a report, its way to the driver, and the trial that sends it."""
