"""Code that runs inside Airflow: the operator, the decorator, and the submission of the driver."""
