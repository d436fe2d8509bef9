-- Nothing was ever written to them.
DROP TABLE "WebhookDelivery";
DROP TABLE "WebhookEndpoint";

-- CreateTable
CREATE TABLE "WebhookEndpoint" (
    "id" TEXT NOT NULL,
    "portalId" TEXT,
    "partnerId" TEXT,
    "url" TEXT,
    "secret" TEXT NOT NULL,
    "secretKeyId" TEXT NOT NULL,
    "previousSecret" TEXT,
    "previousUntil" TIMESTAMPTZ(3),
    "events" TEXT[],
    "pausedUntil" TIMESTAMPTZ(3),
    "takenAt" TIMESTAMPTZ(3),
    "disabledReason" TEXT,
    "disabledAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "WebhookEndpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "WebhookDelivery" (
    "id" TEXT NOT NULL,
    "number" BIGSERIAL NOT NULL,
    "endpointId" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "nextAttemptAt" TIMESTAMPTZ(3),
    "claimedUntil" TIMESTAMPTZ(3),
    "deliveredAt" TIMESTAMPTZ(3),
    "failedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "WebhookDelivery_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "WebhookAttempt" (
    "id" BIGSERIAL NOT NULL,
    "deliveryId" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ms" INTEGER NOT NULL,
    "status" INTEGER,
    "problem" TEXT,
    "answer" TEXT,

    CONSTRAINT "WebhookAttempt_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "WebhookEndpoint_portalId_idx" ON "WebhookEndpoint"("portalId");
CREATE INDEX "WebhookEndpoint_partnerId_idx" ON "WebhookEndpoint"("partnerId");
CREATE INDEX "WebhookDelivery_endpointId_number_idx" ON "WebhookDelivery"("endpointId", "number");
CREATE INDEX "WebhookDelivery_endpointId_nextAttemptAt_idx" ON "WebhookDelivery"("endpointId", "nextAttemptAt");
CREATE INDEX "WebhookDelivery_endpointId_type_createdAt_idx" ON "WebhookDelivery"("endpointId", "type", "createdAt");
CREATE INDEX "WebhookDelivery_createdAt_idx" ON "WebhookDelivery"("createdAt");
CREATE INDEX "WebhookAttempt_deliveryId_id_idx" ON "WebhookAttempt"("deliveryId", "id");

-- AddForeignKey
ALTER TABLE "WebhookEndpoint" ADD CONSTRAINT "WebhookEndpoint_portalId_fkey" FOREIGN KEY ("portalId") REFERENCES "Portal"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "WebhookEndpoint" ADD CONSTRAINT "WebhookEndpoint_partnerId_fkey" FOREIGN KEY ("partnerId") REFERENCES "Partner"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "WebhookDelivery" ADD CONSTRAINT "WebhookDelivery_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "WebhookEndpoint"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "WebhookAttempt" ADD CONSTRAINT "WebhookAttempt_deliveryId_fkey" FOREIGN KEY ("deliveryId") REFERENCES "WebhookDelivery"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- An endpoint is told of everything by the very transaction that does it, whoever does it and in whichever statement.
CREATE FUNCTION "tellEndpoint"(endpoint TEXT, isFetched BOOLEAN, kind TEXT, data JSONB) RETURNS TEXT LANGUAGE sql AS $$
  INSERT INTO "WebhookDelivery" ("id", "endpointId", "type", "payload", "nextAttemptAt")
  VALUES ('msg_' || replace(gen_random_uuid()::text, '-', ''), endpoint, kind,
    jsonb_build_object('type', kind, 'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', data),
    CASE WHEN NOT isFetched THEN now() END)
  RETURNING "id"
$$;

CREATE FUNCTION "tellOfImport"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  shown TEXT := CASE WHEN NEW."state" = 'split' THEN NEW."splitState" ELSE NEW."state" END;
  was TEXT;
  kinds TEXT[] := '{}';
BEGIN
  IF TG_OP = 'INSERT' THEN
    kinds := ARRAY['import.accepted'];
  ELSE
    was := CASE WHEN OLD."state" = 'split' THEN OLD."splitState" ELSE OLD."state" END;
    IF shown IS NOT DISTINCT FROM was AND (shown <> 'held' OR NEW."reason" IS NOT DISTINCT FROM OLD."reason") THEN
      RETURN NULL;
    END IF;
  END IF;
  kinds := kinds || CASE
    WHEN shown = 'held' THEN ARRAY['import.held']
    -- HubSpot has it, whether it was seen to be waiting there or not.
    WHEN shown IN ('submitted', 'processing') AND was NOT IN ('submitted', 'processing') THEN ARRAY['import.submitted']
    WHEN shown = 'done' THEN ARRAY['import.completed']
    WHEN shown IN ('failed', 'canceled', 'needs_review') THEN ARRAY['import.' || shown]
    ELSE '{}' END;
  IF kinds = '{}' THEN
    RETURN NULL;
  END IF;
  PERFORM "tellEndpoint"(e."id", e."url" IS NULL, kind, jsonb_build_object(
      'importId', NEW."id", 'portalId', NEW."portalId", 'partnerId', NEW."partnerId", 'correctionOf', NEW."correctionOf", 'rows', NEW."rows",
      'state', CASE WHEN kind = 'import.accepted' THEN 'accepted' ELSE shown END,
      'reason', CASE WHEN kind = 'import.held' THEN NEW."reason" END,
      'problem', CASE WHEN kind IN ('import.failed', 'import.needs_review') THEN NEW."problem"->>'code' END))
    FROM unnest(kinds) WITH ORDINALITY AS k(kind, position)
    JOIN "WebhookEndpoint" e ON (e."portalId" = NEW."portalId" OR e."partnerId" = NEW."partnerId") AND e."disabledAt" IS NULL
      AND (cardinality(e."events") = 0 OR k.kind = ANY(e."events"))
    ORDER BY k.position;
  RETURN NULL;
END $$;

CREATE TRIGGER "Import_tell" AFTER INSERT OR UPDATE OF "state", "splitState", "reason" ON "Import"
  FOR EACH ROW WHEN (NEW."wholeId" IS NULL) EXECUTE FUNCTION "tellOfImport"();

CREATE FUNCTION "tellOfPortal"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM "tellEndpoint"(e."id", e."url" IS NULL, 'portal.' || NEW."status", jsonb_build_object('portalId', NEW."id", 'status', NEW."status"))
    FROM "WebhookEndpoint" e
    WHERE (e."portalId" = NEW."id" OR e."partnerId" IN (SELECT g."partnerId" FROM "Grant" g WHERE g."portalId" = NEW."id" AND g."endedAt" IS NULL))
      AND e."disabledAt" IS NULL AND (cardinality(e."events") = 0 OR 'portal.' || NEW."status" = ANY(e."events"));
  RETURN NULL;
END $$;

CREATE TRIGGER "Portal_tell" AFTER UPDATE OF "status" ON "Portal"
  FOR EACH ROW WHEN (NEW."status" IS DISTINCT FROM OLD."status" AND NEW."status" IN ('connected', 'disconnected')) EXECUTE FUNCTION "tellOfPortal"();

-- Whoever waits for news is woken when the transaction commits.
CREATE FUNCTION "wakeDeliveries"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('importal_deliveries', '');
  RETURN NULL;
END $$;

CREATE TRIGGER "WebhookDelivery_wake" AFTER INSERT ON "WebhookDelivery" FOR EACH STATEMENT EXECUTE FUNCTION "wakeDeliveries"();

-- The events of an import are numbered in the order in which they are committed, so that whoever has read up to one has
-- missed none: those of a split import’s parts wait for the whole, which a part is always locked before.
CREATE FUNCTION "wakeOnlookers"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  whole TEXT;
BEGIN
  SELECT "wholeId" INTO whole FROM "Import" WHERE "id" = NEW."importId";
  IF whole IS NOT NULL THEN
    PERFORM 1 FROM "Import" WHERE "id" = whole FOR UPDATE;
    NEW."id" := nextval('"ImportEvent_id_seq"');
  END IF;
  PERFORM pg_notify('importal_events', coalesce(whole, NEW."importId"));
  RETURN NEW;
END $$;

CREATE TRIGGER "ImportEvent_wake" BEFORE INSERT ON "ImportEvent" FOR EACH ROW EXECUTE FUNCTION "wakeOnlookers"();
