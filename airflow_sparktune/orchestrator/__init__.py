"""Inside Airflow: the operator, the decorator and what they need to reach the driver."""
