-- AlterTable
ALTER TABLE "ImportPart" ADD COLUMN "cleanScanAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "SentAgain" (
    "importId" TEXT NOT NULL,
    "sentAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lookAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SentAgain_pkey" PRIMARY KEY ("importId")
);

-- CreateTable
CREATE TABLE "Duplicate" (
    "importId" TEXT NOT NULL,
    "hubspotImportId" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'found',
    "tries" INTEGER NOT NULL DEFAULT 0,
    "nextTryAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "foundAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Duplicate_pkey" PRIMARY KEY ("importId","hubspotImportId")
);

-- CreateIndex
CREATE INDEX "SentAgain_lookAt_idx" ON "SentAgain"("lookAt");

-- CreateIndex
CREATE INDEX "Duplicate_state_nextTryAt_idx" ON "Duplicate"("state", "nextTryAt");

-- AddForeignKey
ALTER TABLE "SentAgain" ADD CONSTRAINT "SentAgain_importId_fkey" FOREIGN KEY ("importId") REFERENCES "Import"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Duplicate" ADD CONSTRAINT "Duplicate_importId_fkey" FOREIGN KEY ("importId") REFERENCES "Import"("id") ON DELETE CASCADE ON UPDATE CASCADE;
