-- AlterTable
ALTER TABLE "Import" ADD COLUMN "firstLine" INTEGER,
ADD COLUMN "partCount" INTEGER,
ADD COLUMN "partNumber" INTEGER,
ADD COLUMN "splitState" TEXT,
ADD COLUMN "wholeId" TEXT;

-- CreateIndex
CREATE INDEX "Import_wholeId_partNumber_idx" ON "Import"("wholeId", "partNumber");

-- AddForeignKey
ALTER TABLE "Import" ADD CONSTRAINT "Import_wholeId_fkey" FOREIGN KEY ("wholeId") REFERENCES "Import"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The state of an import that was split is made of its parts', whoever changes one of them: `splitState` is what its sender
-- sees, and `state` is 'split' until the last of them has ended. A part is always locked before its whole.
CREATE FUNCTION "joinSplitState"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  joined record;
BEGIN
  PERFORM 1 FROM "Import" WHERE "id" = NEW."wholeId" FOR UPDATE;
  SELECT bool_and("state" IN ('done', 'failed', 'canceled', 'needs_review')) AS ended,
         CASE
           WHEN bool_and("state" IN ('done', 'failed', 'canceled', 'needs_review')) THEN
             CASE WHEN bool_or("state" = 'needs_review') THEN 'needs_review'
                  WHEN bool_or("state" = 'failed') THEN 'failed'
                  WHEN bool_or("state" = 'canceled') THEN 'canceled'
                  ELSE 'done' END
           WHEN bool_or("state" IN ('processing', 'done', 'failed', 'needs_review')) THEN 'processing'
           WHEN bool_or("state" = 'submitted') THEN 'submitted'
           WHEN bool_or("state" = 'ambiguous') THEN 'ambiguous'
           WHEN bool_or("state" = 'submitting') THEN 'submitting'
           WHEN bool_and("state" IN ('held', 'canceled')) THEN 'held'
           ELSE 'accepted'
         END AS state,
         max("reason") FILTER (WHERE "state" = 'held') AS reason,
         (array_agg("problem" ORDER BY "partNumber") FILTER (WHERE "problem" IS NOT NULL))[1] AS problem,
         min("startedAt") AS started, max("finishedAt") AS finished
    INTO joined FROM "Import" WHERE "wholeId" = NEW."wholeId";
  UPDATE "Import" SET
    "splitState" = joined.state,
    "state" = CASE WHEN joined.ended THEN joined.state ELSE 'split' END,
    "reason" = CASE WHEN joined.state = 'held' THEN joined.reason END,
    "problem" = joined.problem,
    "startedAt" = joined.started,
    "finishedAt" = CASE WHEN joined.ended THEN joined.finished END,
    "updatedAt" = now()
  WHERE "id" = NEW."wholeId";
  RETURN NULL;
END $$;

CREATE TRIGGER "Import_joinSplitState" AFTER UPDATE OF "state", "reason", "problem" ON "Import"
  FOR EACH ROW WHEN (NEW."wholeId" IS NOT NULL) EXECUTE FUNCTION "joinSplitState"();
