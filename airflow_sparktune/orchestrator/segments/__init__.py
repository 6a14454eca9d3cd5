"""Many studies in one application: its run, its ends and their delivery to Airflow."""
