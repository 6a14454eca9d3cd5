"""Starts the driver program. Alone in its folder, which Python puts at the front of sys.path."""

from airflow_sparktune.driver.main import main

if __name__ == "__main__":
    main()
