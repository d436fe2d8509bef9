-- AlterTable
ALTER TABLE "WebhookAttempt" ADD COLUMN     "answerHeaders" JSONB,
ADD COLUMN     "sentHeaders" JSONB,
ADD COLUMN     "url" TEXT;
