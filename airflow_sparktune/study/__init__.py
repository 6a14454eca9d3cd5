"""The data model shared by Airflow, the driver and the dashboard. Standard library only (fsspec for URLs)."""
