"""Everything for a script around `hyperopt.fmin`: SparkTrials and what only it needs."""
