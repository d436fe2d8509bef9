-- AlterTable
ALTER TABLE "Import" ADD COLUMN "findingCodes" JSONB NOT NULL DEFAULT '{}';

-- AlterTable
ALTER TABLE "ImportFile" ADD COLUMN "sentBytes" BIGINT,
ADD COLUMN "sentSha256" TEXT;

-- AlterTable
ALTER TABLE "RowError" ADD COLUMN "fix" TEXT;
