"""SparkTrials for scripts around `hyperopt.fmin`, and code that only it needs."""
