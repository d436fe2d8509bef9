-- DropIndex
DROP INDEX "Template_portalId_name_version_key";

-- AlterTable
ALTER TABLE "Template" DROP CONSTRAINT "Template_pkey",
DROP COLUMN "request",
DROP COLUMN "updatedAt",
ADD COLUMN "isDeleted" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "mapping" JSONB NOT NULL,
ADD COLUMN "partnerId" TEXT,
ADD COLUMN "properties" JSONB NOT NULL,
ALTER COLUMN "version" DROP DEFAULT,
ADD CONSTRAINT "Template_pkey" PRIMARY KEY ("id", "version");

-- CreateIndex
CREATE INDEX "Template_portalId_partnerId_name_idx" ON "Template"("portalId", "partnerId", "name");

-- AddForeignKey
ALTER TABLE "Template" ADD CONSTRAINT "Template_partnerId_fkey" FOREIGN KEY ("partnerId") REFERENCES "Partner"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
