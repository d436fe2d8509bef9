CREATE INDEX "Import_portalId_startedAt_idx" ON "Import"("portalId", "startedAt");
