-- What Redshift has and PostgreSQL lacks: where loads are told of, and some functions.
CREATE SCHEMA IF NOT EXISTS redshift_standin;
GRANT USAGE ON SCHEMA redshift_standin TO warehouse;
GRANT CREATE ON DATABASE warehouse TO warehouse;
GRANT ALL ON SCHEMA public TO warehouse;

CREATE SEQUENCE IF NOT EXISTS redshift_standin.query;

CREATE TABLE IF NOT EXISTS redshift_standin.stl_load_errors (
    userid        INTEGER NOT NULL,
    starttime     TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    session       INTEGER NOT NULL,
    query         BIGINT NOT NULL,
    tbl           TEXT NOT NULL,
    filename      TEXT NOT NULL,
    line_number   BIGINT NOT NULL,
    colname       TEXT NOT NULL,
    type          TEXT NOT NULL,
    err_code      INTEGER NOT NULL,
    err_reason    TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS redshift_standin.stl_load_commits (
    userid        INTEGER NOT NULL,
    session       INTEGER NOT NULL,
    query         BIGINT NOT NULL,
    tbl           TEXT NOT NULL,
    filename      TEXT NOT NULL,
    lines_scanned BIGINT NOT NULL,
    curtime       TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

GRANT SELECT ON redshift_standin.stl_load_errors, redshift_standin.stl_load_commits TO warehouse;

-- Stops a statement that the stand-in refuses inside PostgreSQL, so that the transaction fails as well.
CREATE OR REPLACE FUNCTION redshift_standin.refuse(code TEXT, message TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message;
END
$$;

CREATE OR REPLACE FUNCTION redshift_standin.version() RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
    SELECT 'Stand-in for Amazon Redshift, not Redshift itself: ' || pg_catalog.version()
$$;

CREATE OR REPLACE FUNCTION redshift_standin.getdate() RETURNS TIMESTAMP LANGUAGE sql STABLE AS $$
    SELECT now() AT TIME ZONE 'UTC'
$$;

-- The proxy fills in the argument: what the session's last COPY has loaded, and its number.
CREATE OR REPLACE FUNCTION redshift_standin.pg_last_copy_count(known BIGINT DEFAULT 0) RETURNS BIGINT
    LANGUAGE sql IMMUTABLE AS $$ SELECT known $$;

CREATE OR REPLACE FUNCTION redshift_standin.pg_last_copy_id(known BIGINT DEFAULT -1) RETURNS BIGINT
    LANGUAGE sql IMMUTABLE AS $$ SELECT known $$;
