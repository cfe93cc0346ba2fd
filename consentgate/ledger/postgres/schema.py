"""Owns the tables, and how they come to be and change: one step at a time, under a lock."""

from __future__ import annotations

import secrets

from psycopg import Connection, errors

STEPS = (
    """
CREATE TABLE consentgate_ledger (
  one int PRIMARY KEY CHECK (one = 1), name text NOT NULL, last bigint NOT NULL DEFAULT 0
);
CREATE TABLE consentgate_event (
  number bigint PRIMARY KEY,
  id text NOT NULL UNIQUE,
  at_ms bigint NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  body bytea NOT NULL
);
CREATE INDEX consentgate_event_subject ON consentgate_event (subject, number) WHERE subject <> '';
CREATE TABLE consentgate_notice (
  hash text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), body bytea NOT NULL
);
CREATE TABLE consentgate_meaning (hash bytea PRIMARY KEY, body text NOT NULL);
CREATE TABLE consentgate_leaf (
  leaf bigint PRIMARY KEY, number bigint NOT NULL, id text NOT NULL UNIQUE, salt bytea
);
CREATE TABLE consentgate_tile (
  level int NOT NULL, number bigint NOT NULL, hashes bytea NOT NULL, PRIMARY KEY (level, number)
);
CREATE TABLE consentgate_checkpoint (
  size bigint PRIMARY KEY, at_ms bigint NOT NULL, note text NOT NULL
);
CREATE TABLE consentgate_pruned (one int PRIMARY KEY CHECK (one = 1), leaves bigint NOT NULL);
CREATE TABLE consentgate_integrator (one int PRIMARY KEY CHECK (one = 1));
INSERT INTO consentgate_integrator VALUES (1);
CREATE FUNCTION consentgate_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('consentgate.erases', true) = TG_OP THEN
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END IF;
  RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER consentgate_event_is_kept BEFORE UPDATE OR DELETE ON consentgate_event
  FOR EACH ROW EXECUTE FUNCTION consentgate_is_append_only();
CREATE TRIGGER consentgate_event_stays BEFORE TRUNCATE ON consentgate_event
  FOR EACH STATEMENT EXECUTE FUNCTION consentgate_is_append_only();
CREATE TRIGGER consentgate_notice_is_kept BEFORE UPDATE OR DELETE ON consentgate_notice
  FOR EACH ROW EXECUTE FUNCTION consentgate_is_append_only();
CREATE TRIGGER consentgate_notice_stays BEFORE TRUNCATE ON consentgate_notice
  FOR EACH STATEMENT EXECUTE FUNCTION consentgate_is_append_only();
""",
)
"""Each is run once, in this order; a step that was released is never changed."""
_LOCK = 0x636F6E73656E7467
"""Of the advisory lock: the first bytes of the project's name."""


def migrate(connection: Connection) -> None:
    """Bring the tables to what this version needs; others who try meanwhile wait.

    Where nothing is to do, no right to create tables is needed.

    Raises:
        psycopg.Error: it could not be done; nothing was.
    """
    if _version(connection) >= len(STEPS):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("CREATE TABLE IF NOT EXISTS consentgate_schema (version int NOT NULL)")
        for number, step in enumerate(STEPS[_version(connection) :], _version(connection) + 1):
            connection.execute(step.encode())
            connection.execute("INSERT INTO consentgate_schema VALUES (%s)", (number,))
        connection.execute(
            "INSERT INTO consentgate_ledger (one, name) VALUES (1, %s) ON CONFLICT DO NOTHING",
            (secrets.token_hex(16),),
        )


def _version(connection: Connection) -> int:
    """How many steps were run; newer versions may have run more."""
    try:
        with connection.transaction():
            row = connection.execute("SELECT max(version) FROM consentgate_schema").fetchone()
    except errors.UndefinedTable:
        return 0
    return int(row[0] or 0) if row else 0
