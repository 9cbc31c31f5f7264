#!/bin/sh
# Runs once, when PostgreSQL makes its empty volume: two databases and the three roles that reach them. Passwords come
# from the environment and pass through psql's variables, so that no statement in a log holds one.
#
#   crypto_assets   owns the database of the same name; it may make others, which the stand-in of Redshift does
#   dagster         owns the database dagster
#   dashboard       reads both, and may do nothing else
set -eu

psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\getenv platform PLATFORM_PASSWORD
\getenv dagster DAGSTER_PASSWORD
\getenv dashboard DASHBOARD_PASSWORD
CREATE ROLE crypto_assets LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD :'platform';
CREATE ROLE dagster LOGIN NOSUPERUSER PASSWORD :'dagster';
CREATE ROLE dashboard LOGIN NOSUPERUSER PASSWORD :'dashboard' CONNECTION LIMIT 20;
ALTER ROLE dashboard SET default_transaction_read_only = on;
GRANT pg_read_all_data TO dashboard;
CREATE DATABASE crypto_assets OWNER crypto_assets;
CREATE DATABASE dagster OWNER dagster;
REVOKE ALL ON DATABASE crypto_assets FROM PUBLIC;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE crypto_assets TO dashboard;
GRANT CONNECT ON DATABASE dagster TO dashboard;
SQL
