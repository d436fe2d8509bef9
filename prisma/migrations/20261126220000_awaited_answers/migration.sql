-- CreateTable
CREATE TABLE "AwaitedAnswer" (
    "portalId" TEXT NOT NULL,
    "partnerId" TEXT NOT NULL,
    "fingerprint" BYTEA NOT NULL,
    "importId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AwaitedAnswer_pkey" PRIMARY KEY ("portalId","partnerId","fingerprint")
);
CREATE INDEX "AwaitedAnswer_importId_idx" ON "AwaitedAnswer"("importId");
CREATE INDEX "AwaitedAnswer_createdAt_idx" ON "AwaitedAnswer"("createdAt");
