"""Inside Airflow's API server: the Tuning tab, and the same page for a study outside Airflow."""
