#!/bin/sh
# Runs a program with the configuration of the Spark cluster: `start.sh PROGRAM …`. The secret that master, workers and
# drivers share comes from SPARK_SECRET and goes into a file that only this user reads: Spark takes it from nowhere else.
set -eu
umask 077
SPARK_CONF_DIR="${SPARK_CONF_DIR:-/tmp/spark-conf}"
export SPARK_CONF_DIR
mkdir -p "$SPARK_CONF_DIR"
cat > "$SPARK_CONF_DIR/spark-defaults.conf" <<CONF
spark.authenticate                 true
spark.authenticate.secret          ${SPARK_SECRET:?}
spark.network.crypto.enabled       true
spark.executor.cores               2
spark.executor.memoryOverhead      1g
spark.driver.host                  $(hostname)
spark.driver.bindAddress           0.0.0.0
CONF
unset SPARK_SECRET
exec "$@"
