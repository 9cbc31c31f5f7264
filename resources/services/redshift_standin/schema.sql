-- What Redshift has and PostgreSQL lacks: where loads are told of, and some functions.
CREATE SCHEMA IF NOT EXISTS redshift_standin;
GRANT USAGE ON SCHEMA redshift_standin TO warehouse;
GRANT CREATE ON DATABASE warehouse TO warehouse;
GRANT ALL ON SCHEMA public TO warehouse;

CREATE SEQUENCE IF NOT EXISTS redshift_standin.query;

-- Every COPY that was begun.
CREATE TABLE IF NOT EXISTS redshift_standin.copies (
    query         BIGINT PRIMARY KEY DEFAULT nextval('redshift_standin.query'),
    session       INTEGER NOT NULL,
    begun         TIMESTAMPTZ NOT NULL DEFAULT now()
);

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

GRANT SELECT ON redshift_standin.copies, redshift_standin.stl_load_errors TO warehouse;

-- Stops a statement that the stand-in refuses inside PostgreSQL, so that the transaction fails as well.
CREATE OR REPLACE FUNCTION redshift_standin.refuse(code TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code;
END
$$;

CREATE OR REPLACE FUNCTION redshift_standin.version() RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
    SELECT 'Stand-in for Amazon Redshift, not Redshift itself: ' || pg_catalog.version()
$$;

CREATE OR REPLACE FUNCTION redshift_standin.getdate() RETURNS TIMESTAMP LANGUAGE sql STABLE AS $$
    SELECT now() AT TIME ZONE 'UTC'
$$;

-- Those of databases that hold functions of these names with an argument: a call without one would mean both.
DROP FUNCTION IF EXISTS redshift_standin.pg_last_copy_id(BIGINT), redshift_standin.pg_last_copy_count(BIGINT);

-- The session is the process of PostgreSQL that serves it; another one may have had its number before.
CREATE OR REPLACE FUNCTION redshift_standin.pg_last_copy_id() RETURNS BIGINT LANGUAGE sql STABLE AS $$
    SELECT COALESCE(MAX(query), -1)
    FROM redshift_standin.copies
    WHERE session = pg_backend_pid()
        AND begun >= (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
$$;
