-- CreateTable
CREATE TABLE "FileStore" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "storeId" TEXT NOT NULL,

    CONSTRAINT "FileStore_pkey" PRIMARY KEY ("id")
);
