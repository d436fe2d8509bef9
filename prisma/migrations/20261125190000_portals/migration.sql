-- A data key per portal, wrapped by the current encryption key. Tokens sealed the former way cannot be opened by it: their
-- portals are connected again by their admins.
UPDATE "Portal" SET "status" = 'reconnect' WHERE "status" = 'connected';
DELETE FROM "PortalToken";

-- DropIndex
DROP INDEX "PortalToken_keyId_idx";

-- AlterTable
ALTER TABLE "PortalToken" DROP COLUMN "keyId";

-- AlterTable
ALTER TABLE "Portal" ADD COLUMN "missingScopes" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN "appId" TEXT,
ADD COLUMN "dataKey" TEXT,
ADD COLUMN "dataKeyId" TEXT,
ADD COLUMN "reconnectSince" TIMESTAMPTZ(3),
ADD COLUMN "pausedUntil" TIMESTAMPTZ(3),
ADD COLUMN "checkAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN "erasedAt" TIMESTAMPTZ(3);

UPDATE "Portal" SET "reconnectSince" = now() WHERE "status" = 'reconnect';

-- AlterTable
ALTER TABLE "Import" ADD COLUMN "eraseAtEnd" BOOLEAN NOT NULL DEFAULT false;

-- CreateIndex
CREATE INDEX "Portal_checkAt_idx" ON "Portal"("checkAt");

-- CreateIndex
CREATE INDEX "Portal_dataKeyId_idx" ON "Portal"("dataKeyId");

-- CreateTable
CREATE TABLE "Alarm" (
    "kind" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "count" INTEGER NOT NULL DEFAULT 1,
    "firstAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Alarm_pkey" PRIMARY KEY ("kind")
);

-- CreateTable
CREATE TABLE "Notice" (
    "idHash" BYTEA NOT NULL,
    "receivedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Notice_pkey" PRIMARY KEY ("idHash")
);

-- CreateIndex
CREATE INDEX "Notice_receivedAt_idx" ON "Notice"("receivedAt");

-- CreateTable
CREATE TABLE "JournalPosition" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "offset" TEXT,
    "subscribedAt" TIMESTAMPTZ(3),
    "readAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "JournalPosition_pkey" PRIMARY KEY ("id")
);

-- The audit trail: a row is numbered, dated and chained to the one before it by the database itself, and stays as it is.

-- CreateTable
CREATE TABLE "AuditHead" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "last" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "AuditHead_pkey" PRIMARY KEY ("id")
);
INSERT INTO "AuditHead" ("last", "hash") VALUES (0, sha256('importal'));

-- AlterTable
ALTER TABLE "AuditEvent" ALTER COLUMN "id" DROP DEFAULT,
ALTER COLUMN "at" DROP DEFAULT,
ADD COLUMN "previousHash" BYTEA,
ADD COLUMN "hash" BYTEA;
DROP SEQUENCE "AuditEvent_id_seq";

CREATE FUNCTION audit_hash(previous BYTEA, event "AuditEvent") RETURNS BYTEA LANGUAGE sql IMMUTABLE AS $$
  -- One field a line; none but the last can hold a line break, and JSON writes its own as \n.
  SELECT sha256(convert_to(concat_ws(E'\n', encode(previous, 'hex'), event."id", (extract(epoch FROM event."at") * 1000)::bigint,
    event."actor", event."action", coalesce(event."portalId", ''), coalesce(event."partnerId", ''), coalesce(event."keyId", ''),
    event."detail"), 'UTF8'))
$$;

CREATE FUNCTION audit_append() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
  head "AuditHead";
BEGIN
  -- Its lock makes the chain one: whoever appends waits for the transaction before it.
  SELECT * INTO STRICT head FROM "AuditHead" WHERE "id" = 1 FOR UPDATE;
  NEW."id" := head."last" + 1;
  NEW."at" := clock_timestamp();
  NEW."previousHash" := head."hash";
  NEW."hash" := audit_hash(head."hash", NEW);
  UPDATE "AuditHead" SET "last" = NEW."id", "hash" = NEW."hash" WHERE "id" = 1;
  RETURN NEW;
END
$$;

CREATE FUNCTION audit_refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit trail is append-only';
END
$$;

-- What is there already is chained as well, in its order and with its dates.
DO $$
DECLARE
  event "AuditEvent";
  previous BYTEA := sha256('importal');
  number BIGINT := 0;
BEGIN
  UPDATE "AuditEvent" SET "id" = -"id";
  FOR event IN SELECT * FROM "AuditEvent" ORDER BY "id" DESC LOOP
    number := number + 1;
    UPDATE "AuditEvent" SET "id" = number, "previousHash" = previous WHERE "id" = event."id" RETURNING * INTO event;
    UPDATE "AuditEvent" SET "hash" = audit_hash(previous, event) WHERE "id" = number RETURNING "hash" INTO previous;
  END LOOP;
  UPDATE "AuditHead" SET "last" = number, "hash" = previous;
END
$$;
ALTER TABLE "AuditEvent" ALTER COLUMN "previousHash" SET NOT NULL, ALTER COLUMN "hash" SET NOT NULL;

CREATE TRIGGER audit_append BEFORE INSERT ON "AuditEvent" FOR EACH ROW EXECUTE FUNCTION audit_append();
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON "AuditEvent" FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
