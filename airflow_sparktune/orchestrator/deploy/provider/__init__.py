"""All use of the private attributes of Airflow's Spark provider, except in waiting/deferrable.py."""
