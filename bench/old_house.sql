-- A house of five years, as `python -m bench.old_house` makes it: 2,000 events of 200 organizers, a fifth of them of
-- one; each fifth booking cancelled. Without triggers, since nothing here follows from anything.
SET session_replication_role = replica;
SET synchronous_commit = off;


CREATE FUNCTION pg_temp.an_id(at timestamptz, of text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(of), 1, 3)
          || '8' || substr(md5(of), 4, 15))::uuid
$$;

INSERT INTO users (email, email_key, name, role, password_hash, created_at, email_verified_at)
SELECT 'user' || n || '@example.org', 'user' || n || '@example.org', 'User ' || n,
       CASE WHEN n = 1 THEN 'ADMIN' WHEN n <= 201 THEN 'ORGANIZER' ELSE 'USER' END, '-',
       now() - (50001 - n) * interval '50 minutes', now()
  FROM generate_series(1, 50000) AS n;

INSERT INTO account_uses (user_id, logged_in_at) SELECT id, created_at FROM users;

INSERT INTO sessions (family_hash, user_id, secret_hash, created_at, expires_at)
SELECT sha256(('f' || n)::bytea), 1 + n % 50000, sha256(n::text::bytea), now() - n * interval '20 seconds',
       now() - n * interval '20 seconds' + interval '30 days'
  FROM generate_series(1, 100000) AS n;

INSERT INTO venues (organizer_id, name, address_lines, city, country, time_zone)
SELECT 2 + n % 200, 'Hall ' || n, '{}', 'City ' || n % 50, 'DE', 'Europe/Berlin' FROM generate_series(1, 300) AS n;

INSERT INTO seat_maps (venue_id, version, name, seat_count, place_count, categories, document, document_gzip, etag)
SELECT id, 1, name, 1000, 1000, '["A"]', '{}', '', id FROM venues;

INSERT INTO series (organizer_id, title) SELECT 2 + n % 200, 'Series ' || n FROM generate_series(1, 50) AS n;

INSERT INTO events (organizer_id, seat_map_id, title, state, currency, time_zone, starts_at, places_per_buyer_max,
                    hold_seconds, created_at, published_at, series_id)
SELECT CASE WHEN n % 5 = 0 THEN 2 ELSE 2 + n % 200 END, 1 + n % 300, 'Concert ' || n, 'PUBLISHED', 'EUR',
       'Europe/Berlin', now() - interval '5 years' + n * interval '23 hours', 10, 600,
       now() - interval '5 years 60 days' + n * interval '23 hours',
       now() - interval '5 years 60 days' + n * interval '23 hours', CASE WHEN n % 10 = 0 THEN 1 + n / 10 % 50 END
  FROM generate_series(1, 2000) AS n;

INSERT INTO event_prices SELECT id, 'A', 3000 FROM events;

INSERT INTO inventories (event_id, version, chain_hash, changed_at)
SELECT id, 1500, sha256(id::text::bytea), starts_at FROM events;

CREATE TEMPORARY TABLE sale AS
SELECT n, event.id AS event_id, event.organizer_id, 202 + (n * 7919::bigint) % 49799 AS buyer_id, at,
       pg_temp.an_id(at, 'b' || n) AS booking_id, pg_temp.an_id(at + interval '1 minute', 'p' || n) AS payment_id,
       n % 5 = 0 AS is_refunded
  FROM generate_series(1, current_setting('house.bookings')::integer) AS n
  JOIN events AS event
    ON event.id = 1 + (n * 2000::bigint / current_setting('house.bookings')::integer + n % 37 + n % 53) % 2000,
       LATERAL (SELECT event.starts_at - interval '1 hour' - (n % 1440) * interval '1 hour' AS at) AS moment;

INSERT INTO bookings (event_id, id, buyer_id, state, seat_ids, area_ids, amounts, total, currency, created_at,
                      changed_at, ticket_count)
SELECT event_id, booking_id, buyer_id, CASE WHEN is_refunded THEN 'CANCELLED' ELSE 'CONFIRMED' END,
       ARRAY[n % 100000], '{}', '{3000}', 3000, 'EUR', at, at, CASE WHEN is_refunded THEN 0 ELSE 1 END
  FROM sale;

INSERT INTO claims SELECT event_id, n % 100000, booking_id FROM sale WHERE NOT is_refunded ON CONFLICT DO NOTHING;

INSERT INTO tickets (event_id, id, booking_id, place, seat_id, state, voided_at, admitted_at, admitted_by)
SELECT event_id, pg_temp.an_id(at, 't' || n), booking_id, 0, n % 100000,
       CASE WHEN is_refunded THEN 'VOID' ELSE 'VALID' END,
       CASE WHEN is_refunded THEN at END, CASE WHEN NOT is_refunded THEN at END, CASE WHEN NOT is_refunded THEN 2 END
  FROM sale ON CONFLICT DO NOTHING;

INSERT INTO payments (event_id, id, booking_id, provider, amount, currency, state, reference, created_at, changed_at,
                      captured, refunded)
SELECT event_id, payment_id, booking_id, 'stripe', 3000, 'EUR',
       CASE WHEN is_refunded THEN 'REFUNDED' ELSE 'CAPTURED' END, 'pi_' || md5(n::text), at, at, 3000,
       CASE WHEN is_refunded THEN 3000 ELSE 0 END
  FROM sale;

INSERT INTO payment_events
SELECT event_id, 'stripe', 'evt_' || md5(n::text), payment_id, 'CAPTURED', at FROM sale;

INSERT INTO refunds (event_id, payment_id, id, amount, currency, reason, state, created_at, done_at, worth, reference)
SELECT event_id, payment_id, CASE WHEN n % 25 = 0 THEN pg_temp.an_id(at, 'r' || n) ELSE payment_id END, 3000, 'EUR',
       'cancelled', 'DONE', at, at, 3000, 're_' || md5(n::text)
  FROM sale WHERE is_refunded;

INSERT INTO disputes (event_id, id, payment_id, reference, amount, currency, reason, state, opened_at, closed_at)
SELECT event_id, pg_temp.an_id(at, 'd' || n), payment_id, 'dp_' || md5(n::text), 3000, 'EUR', 'fraudulent',
       'WON', at, at
  FROM sale WHERE n % 300 = 1;

INSERT INTO ledger_movements (event_id, movement_id, at, cause_id, booking_id, kind, currency, provider,
                              organizer, buyer, disputed)
SELECT event_id, pg_temp.an_id(at, move.kind || n), at, payment_id, booking_id, move.kind, 'EUR',
       move.provider, move.organizer, move.buyer, move.disputed
  FROM sale, LATERAL (VALUES ('CAPTURED', 3000, -3000, 0, 0, true), ('REFUND_DUE', 0, 3000, -3000, 0, is_refunded),
                             ('REFUNDED', -3000, 0, 3000, 0, is_refunded),
                             ('DISPUTED', -3000, 0, 0, 3000, n % 300 = 1),
                             ('DISPUTE_WON', 3000, 0, 0, -3000, n % 300 = 1))
            AS move (kind, provider, organizer, buyer, disputed, is_there)
 WHERE is_there;

INSERT INTO ledger_movements (event_id, movement_id, at, cause_id, kind, currency, organizer, payout)
SELECT event.id, pg_temp.an_id(event.starts_at + interval '7 days', 'payout' || event.id),
       event.starts_at + interval '7 days', gen_random_uuid(), 'PAYOUT_DUE', 'EUR', sum(3000), -sum(3000)
  FROM events AS event JOIN sale ON sale.event_id = event.id AND NOT sale.is_refunded
 WHERE event.starts_at < now() - interval '7 days' GROUP BY event.id;

INSERT INTO invoices (event_id, booking_id, kind, organizer_id, buyer_id, number, document, refund_id)
SELECT event_id, booking_id, kind, organizer_id, buyer_id,
       row_number() OVER (PARTITION BY organizer_id, kind ORDER BY at),
       json_build_object('kind', kind, 'filler', repeat(md5(n::text), 30)),
       CASE WHEN kind = 'CREDIT_NOTE' THEN payment_id END
  FROM sale, LATERAL (VALUES ('INVOICE', true), ('CREDIT_NOTE', is_refunded)) AS document (kind, is_there)
 WHERE is_there;

INSERT INTO invoice_series SELECT organizer_id, max(number) FILTER (WHERE kind = 'INVOICE'),
       coalesce(max(number) FILTER (WHERE kind = 'CREDIT_NOTE'), 0) FROM invoices GROUP BY organizer_id;

INSERT INTO invoice_cursors SELECT id, 1500 FROM events;

INSERT INTO journal (event_id, version, at, changes, hash)
SELECT event_id, row_number() OVER (PARTITION BY event_id ORDER BY at),
       at, json_build_array(json_build_object('held', booking_id, 'buyer_id', buyer_id)), sha256(n::text::bytea)
  FROM sale, LATERAL (VALUES (1), (2)) AS twice (time);

INSERT INTO audit_log (at, actor_id, action, object, row_id, organizer_id, event_id, after, address)
SELECT now() - (1000000 - n) * interval '150 seconds', 1 + n % 50000, 'CREATED',
       CASE WHEN n % 3 = 0 THEN 'events' ELSE 'sessions' END,
       n, CASE WHEN n % 3 = 0 THEN 2 + n % 200 END, CASE WHEN n % 3 = 0 THEN 1 + n % 2000 END,
       jsonb_build_object('id', n), CASE WHEN n > 950000 THEN '192.0.2.1' END
  FROM generate_series(1, 1000000) AS n;

INSERT INTO idempotency_keys (owner_id, operation, key, fingerprint, answer, created_at)
SELECT 202 + n % 40000, 'hold', n, sha256(n::text::bytea), '{}', now() - n * interval '1 second'
  FROM generate_series(1, 100000) AS n;
ANALYZE;
