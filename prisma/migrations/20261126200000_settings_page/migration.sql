-- AlterTable
ALTER TABLE "Portal" ADD COLUMN "retentionDays" INTEGER NOT NULL DEFAULT 30;

-- Partners that a portal's admin makes are that portal's own: a name of one portal is nobody else's business.
DROP INDEX "Partner_name_key";
ALTER TABLE "Partner" ADD COLUMN "isPage" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "portalId" TEXT;
CREATE INDEX "Partner_portalId_idx" ON "Partner"("portalId");
ALTER TABLE "Partner" ADD CONSTRAINT "Partner_portalId_fkey" FOREIGN KEY ("portalId") REFERENCES "Portal"("id") ON DELETE CASCADE ON UPDATE CASCADE;
CREATE UNIQUE INDEX "Partner_own_name" ON "Partner"((coalesce("portalId", '')), "name") WHERE NOT "isPage";
CREATE UNIQUE INDEX "Partner_page" ON "Partner"("portalId") WHERE "isPage";

-- AlterTable
ALTER TABLE "Grant" ADD COLUMN "objectTypes" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN "operations" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN "pausedAt" TIMESTAMPTZ(3),
ADD COLUMN "rowsPerDay" INTEGER;

-- CreateTable
CREATE TABLE "KeyDay" (
    "keyId" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "minutes" INTEGER NOT NULL,

    CONSTRAINT "KeyDay_pkey" PRIMARY KEY ("keyId","day")
);
ALTER TABLE "KeyDay" ADD CONSTRAINT "KeyDay_keyId_fkey" FOREIGN KEY ("keyId") REFERENCES "ApiKey"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AlterTable
ALTER TABLE "Import" ADD COLUMN "erasedAt" TIMESTAMPTZ(3),
ADD COLUMN "objectTypes" TEXT[] DEFAULT ARRAY[]::TEXT[];
CREATE INDEX "Import_portalId_finishedAt_idx" ON "Import"("portalId", "finishedAt");
-- What has ended and is still kept, for the sweep that erases it in time.
CREATE INDEX "Import_kept" ON "Import"("portalId", "finishedAt") WHERE "erasedAt" IS NULL AND NOT "eraseAtEnd";
-- The portal's history, newest first.
CREATE INDEX "Import_history" ON "Import"("portalId", "id" DESC) WHERE "wholeId" IS NULL;
-- The same of one state, which of an import that was split is that of its parts together.
CREATE INDEX "Import_history_state" ON "Import"("portalId", (coalesce("splitState", "state")), "id" DESC) WHERE "wholeId" IS NULL;
-- The settings page finds imports by words of their names.
CREATE INDEX "Import_words" ON "Import" USING GIN (to_tsvector('simple', "name"));

-- CreateTable
CREATE TABLE "Draft" (
    "id" TEXT NOT NULL,
    "portalId" TEXT NOT NULL,
    "storeKey" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "packed" JSONB,
    "choice" JSONB,
    "report" JSONB,
    "importId" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Draft_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Draft_storeKey_key" ON "Draft"("storeKey");
CREATE INDEX "Draft_portalId_idx" ON "Draft"("portalId");
CREATE INDEX "Draft_expiresAt_idx" ON "Draft"("expiresAt");
ALTER TABLE "Draft" ADD CONSTRAINT "Draft_portalId_fkey" FOREIGN KEY ("portalId") REFERENCES "Portal"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- CreateTable
CREATE TABLE "ImportDay" (
    "portalId" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "partnerId" TEXT NOT NULL,
    "imports" INTEGER NOT NULL DEFAULT 0,
    "created" BIGINT NOT NULL DEFAULT 0,
    "updated" BIGINT NOT NULL DEFAULT 0,
    "failed" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "ImportDay_pkey" PRIMARY KEY ("portalId","day","partnerId")
);
ALTER TABLE "ImportDay" ADD CONSTRAINT "ImportDay_portalId_fkey" FOREIGN KEY ("portalId") REFERENCES "Portal"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A browser may be signed in to several portals.
ALTER TABLE "Session" ADD COLUMN "userId" TEXT,
DROP CONSTRAINT "Session_pkey",
ADD CONSTRAINT "Session_pkey" PRIMARY KEY ("idHash", "portalId");

-- CreateTable
CREATE TABLE "OperatorSession" (
    "idHash" BYTEA NOT NULL,
    "isTicket" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "OperatorSession_pkey" PRIMARY KEY ("idHash")
);
CREATE INDEX "OperatorSession_expiresAt_idx" ON "OperatorSession"("expiresAt");

-- CreateTable
CREATE TABLE "CallDay" (
    "portalId" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "scope" TEXT NOT NULL,
    "succeeded" INTEGER NOT NULL,
    "failed" INTEGER NOT NULL,

    CONSTRAINT "CallDay_pkey" PRIMARY KEY ("portalId","day","scope")
);
CREATE INDEX "CallDay_day_idx" ON "CallDay"("day");
ALTER TABLE "CallDay" ADD CONSTRAINT "CallDay_portalId_fkey" FOREIGN KEY ("portalId") REFERENCES "Portal"("id") ON DELETE CASCADE ON UPDATE CASCADE;
