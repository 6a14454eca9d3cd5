"""The Tuning tab inside Airflow's API server, and the same page for a study outside Airflow."""
