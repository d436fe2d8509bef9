-- AlterTable
ALTER TABLE "Portal" ADD COLUMN "importsPerDay" INTEGER,
ADD COLUMN "rowsPerDay" INTEGER,
ADD COLUMN "quotaLearntAt" TIMESTAMPTZ(3),
ADD COLUMN "quotaUntil" TIMESTAMPTZ(3),
ADD COLUMN "matchingSince" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "Import" ADD COLUMN "contentHash" BYTEA,
ADD COLUMN "possibleDuplicateOf" TEXT,
ADD COLUMN "rows" INTEGER,
ADD COLUMN "isLarge" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "cancelAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "Turn" (
    "portalId" TEXT NOT NULL,
    "partnerId" TEXT NOT NULL,
    "lastAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Turn_pkey" PRIMARY KEY ("portalId", "partnerId")
);

-- CreateTable
CREATE TABLE "CallBudget" (
    "portalId" TEXT NOT NULL,
    "fullAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "CallBudget_pkey" PRIMARY KEY ("portalId")
);

-- Nothing has been stored here so far.
-- AlterTable
ALTER TABLE "IdempotencyKey" DROP COLUMN "fingerprint",
ADD COLUMN "fingerprint" BYTEA,
ADD COLUMN "leaseEpoch" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "leaseUntil" TIMESTAMPTZ(3);
