-- AlterTable
ALTER TABLE "Import" ADD COLUMN "correctionOf" TEXT;
