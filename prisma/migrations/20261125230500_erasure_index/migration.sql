CREATE INDEX "Import_eraseAtEnd_state_idx" ON "Import"("eraseAtEnd", "state");
