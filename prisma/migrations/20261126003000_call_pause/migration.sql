-- AlterTable
ALTER TABLE "CallBudget" ADD COLUMN "pausedUntil" TIMESTAMPTZ(3);
