CREATE INDEX "Import_portalId_partnerId_contentHash_idx" ON "Import"("portalId", "partnerId", "contentHash");
