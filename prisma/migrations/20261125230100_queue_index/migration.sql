-- A migration of its own for each index: all are shut out only while it is built.
CREATE INDEX "Import_portalId_partnerId_state_createdAt_idx" ON "Import"("portalId", "partnerId", "state", "createdAt");
