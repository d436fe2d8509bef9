CREATE INDEX "Import_state_id_idx" ON "Import"("state", "id");
