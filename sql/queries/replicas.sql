-- Where the primary and its replicas stand, as hub_relay; after a commit, as hub_api.

-- name: position (read)
-- How far the primary's journal reaches, as bytes: beyond whatever was committed before.
SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint;

-- name: primary_position (read)
-- How far the primary has written, as bytes, and on which timeline of which server.
SELECT
    (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS position,
    (SELECT c.system_identifier FROM pg_control_system() AS c) AS server,
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer AS timeline;

-- name: replica_position (read)
-- How far a server has replayed, as bytes, and which history it shows: what the relay has noted of the primary that
-- it last read from.
SELECT
    pg_is_in_recovery() AS standby,
    (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS position,
    origin.system_identifier AS server,
    origin.timeline
FROM (SELECT) AS now LEFT JOIN app.log_origin AS origin ON true;
