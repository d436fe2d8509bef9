-- AlterTable
ALTER TABLE "Portal" ADD COLUMN "isTest" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "ApiKey" ADD COLUMN "isTest" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable: made with a test key, an endpoint is told of simulated accounts only, and any other of none of them.
ALTER TABLE "WebhookEndpoint" ADD COLUMN "isTest" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable: by it whoever fetches messages knows that none of an earlier transaction is still to come.
ALTER TABLE "WebhookDelivery" ADD COLUMN "xid" xid8 NOT NULL DEFAULT pg_current_xact_id();

-- CreateIndex
CREATE INDEX "WebhookDelivery_endpointId_xid_number_idx" ON "WebhookDelivery"("endpointId", "xid", "number");
CREATE INDEX "WebhookDelivery_claimed_idx" ON "WebhookDelivery"("endpointId") WHERE "claimedUntil" IS NOT NULL;

CREATE OR REPLACE FUNCTION "tellOfImport"() RETURNS trigger LANGUAGE plpgsql AS $$
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
      AND e."isTest" = (SELECT p."isTest" FROM "Portal" p WHERE p."id" = NEW."portalId")
      AND (cardinality(e."events") = 0 OR k.kind = ANY(e."events"))
    ORDER BY k.position;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION "tellOfPortal"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM "tellEndpoint"(e."id", e."url" IS NULL, 'portal.' || NEW."status", jsonb_build_object('portalId', NEW."id", 'status', NEW."status"))
    FROM "WebhookEndpoint" e
    WHERE (e."portalId" = NEW."id" OR e."partnerId" IN (SELECT g."partnerId" FROM "Grant" g WHERE g."portalId" = NEW."id" AND g."endedAt" IS NULL))
      AND e."isTest" = NEW."isTest" AND e."disabledAt" IS NULL AND (cardinality(e."events") = 0 OR 'portal.' || NEW."status" = ANY(e."events"));
  RETURN NULL;
END $$;
