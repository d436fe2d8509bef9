-- What waits already takes its turn as well.
INSERT INTO "Turn" ("portalId", "partnerId", "lastAt")
SELECT "portalId", "partnerId", coalesce(max("startedAt"), min("createdAt")) FROM "Import" WHERE "partnerId" IS NOT NULL GROUP BY 1, 2;

-- Nothing looks for this.
DROP INDEX "ImportFile_sha256_idx";
