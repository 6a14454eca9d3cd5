"""A stand-in for Kubernetes: an API server with what Spark and Airflow ask of one, and a kubelet."""
