#!/bin/bash
# Start a Spark container in a role: `master` or `worker MASTER` of a standalone cluster; `driver ...` or
# `executor`, as Spark on Kubernetes calls it. Anything else runs as a command.
set -euo pipefail

deploy=org.apache.spark.deploy
role=${1:-master}
case $role in
    master)
        exec spark-class "$deploy.master.Master" --host "$(hostname)" --port 7077 --webui-port 8080
        ;;
    worker)
        exec spark-class "$deploy.worker.Worker" --host "$(hostname)" --webui-port 8081 \
            --work-dir /opt/spark/work "${2:?give the address of the master: worker spark://HOST:7077}"
        ;;
    driver)
        exec spark-submit --deploy-mode client --conf "spark.driver.bindAddress=$SPARK_DRIVER_BIND_ADDRESS" "${@:2}"
        ;;
    executor)
        # Spark passes the JVM options as SPARK_JAVA_OPT_0, SPARK_JAVA_OPT_1, ...
        options=()
        for name in $(compgen -v | grep '^SPARK_JAVA_OPT_' | sort -t_ -k4n); do
            options+=("${!name}")
        done
        exec java "${options[@]}" -Xms"$SPARK_EXECUTOR_MEMORY" -Xmx"$SPARK_EXECUTOR_MEMORY" \
            -cp "$SPARK_CONF_DIR:${SPARK_CLASSPATH:+$SPARK_CLASSPATH:}$SPARK_HOME/jars/*:$(pwd)" \
            org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
            --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" \
            --cores "$SPARK_EXECUTOR_CORES" --app-id "$SPARK_APPLICATION_ID" \
            --hostname "$SPARK_EXECUTOR_POD_IP" --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" \
            --podName "$SPARK_EXECUTOR_POD_NAME"
        ;;
    *)
        exec "$@"
        ;;
esac
