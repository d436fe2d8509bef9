import type { Database, Transaction } from '../../db/prisma.js'
import type { HubSpotImport } from '../../hubspot/answers.js'
import { type Counters, type Problem, recordEvent } from '../import-store.js'
import type { ImportState } from '../schema.js'
import { lockClaims } from '../submission/turn-store.js'
import { addDuplicates, watchSentAgain } from './duplicate-store.js'
import type { Sought } from './find-marked.js'

/** Part of an import that HubSpot may have, without our having been told so. */
export type LostImport = { id: string; partId: string }

/**
 * What is looked for in HubSpot's list: an import whose answer was lost, which `cleanScans` readings did not show, or one
 * that was sent again, and that HubSpot may come to hold twice (`isSentAgain`). It is time to look when `isDue`.
 */
export type SoughtImport = LostImport &
  Sought & {
    state: ImportState
    isSentAgain: boolean
    /** HubSpot said that something is there already. */
    isConflict: boolean
    cleanScans: number
    secondsSinceCommit: number
    /** Null: there was none since. */
    secondsSinceCleanScan: number | null
    isDue: boolean
  }

/** A running import; it is time to look at it when `isDue`. */
export type RunningImport = {
  id: string
  partId: string
  hubspotImportId: string
  state: ImportState
  ageSeconds: number
  /** Its sender wants it stopped. */
  isCancelAsked: boolean
  isDue: boolean
}

export type TrackingStore = ReturnType<typeof createTrackingStore>

/**
 * Imports that HubSpot has, or may have. One that needs a person is followed all the same for as long as `pollAt` is set.
 * Every write names the state it leaves, so that a late one changes nothing; all
 * times are the database's.
 */
export function createTrackingStore(prisma: Database) {
  return {
    /** The portal's imports that are to be looked for in HubSpot's list. */
    async listSought(portalId: string): Promise<SoughtImport[]> {
      // Sent again: it may be the first try's import, made late, that is found.
      return prisma.$queryRaw<SoughtImport[]>`
        SELECT i."id", i."state", part."id" AS "partId", part."cleanScans", s."importId" IS NOT NULL AS "isSentAgain",
               coalesce(i."problem"->>'code' = 'hubspot_refused', false) AS "isConflict",
               coalesce(CASE WHEN s."importId" IS NULL THEN part."intentAt" END, i."createdAt") AS since,
               extract(epoch FROM now() - coalesce(part."committedAt", part."intentAt", i."createdAt"))::float8 AS "secondsSinceCommit",
               CASE WHEN part."cleanScanAt" > coalesce(part."committedAt", part."intentAt", i."createdAt")
                    THEN extract(epoch FROM now() - part."cleanScanAt")::float8 END AS "secondsSinceCleanScan",
               coalesce(CASE WHEN i."state" = 'ambiguous' THEN coalesce(i."pollAt", now()) END, s."lookAt")
                 <= now() + interval '0.5 second' AS "isDue"
        FROM "Import" i JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
        LEFT JOIN "SentAgain" s ON s."importId" = i."id"
        WHERE i."portalId" = ${portalId} AND i."id" IN (
          SELECT "id" FROM "Import" WHERE "portalId" = ${portalId} AND "state" = 'ambiguous' UNION
          SELECT a."importId" FROM "SentAgain" a JOIN "Import" o ON o."id" = a."importId" WHERE o."portalId" = ${portalId})`
    },

    /**
     * HubSpot has an import that we took for lost, or for never sent: it is followed from now on. With `others` of the same
     * mark a person must look at it as well. False when it is no longer waiting, or somebody is just sending it.
     */
    async adopt(
      portalId: string,
      { id, partId }: LostImport,
      made: HubSpotImport,
      others: HubSpotImport[],
      andThen: (tx: Transaction) => Promise<void>,
    ): Promise<boolean> {
      return prisma.$transaction(async (tx) => {
        // Whoever is just choosing what to send next must not choose this one: see claimNext.
        await lockClaims(tx, portalId)
        const own = await tx.$executeRaw`
          UPDATE "Import" SET "state" = 'submitted', "reason" = NULL, "problem" = NULL, "leaseEpoch" = "leaseEpoch" + 1,
            "leaseUntil" = NULL, "startedAt" = coalesce("startedAt", now()), "pollAt" = now(), "updatedAt" = now()
          WHERE "id" = ${id} AND ("state" IN ('ambiguous', 'accepted', 'held')
            OR ("state" = 'submitting' AND coalesce("leaseUntil" < clock_timestamp(), true)))`
        if (own === 0) return false
        await tx.importPart.update({ where: { id: partId }, data: { hubspotImportId: made.id, state: made.state } })
        await recordEvent(tx, id, 'adopted', { hubspotImportId: made.id })
        await addDuplicates(
          tx,
          id,
          others.map((other) => other.id),
        )
        await andThen(tx)
        return true
      })
    },

    /** HubSpot's whole list was read and does not show these, which is held to `counted` of them; look again in `afterSeconds`. */
    async recordCleanScan(imports: LostImport[], counted: LostImport[], afterSeconds: number): Promise<void> {
      await prisma.$transaction([
        prisma.$executeRaw`
          UPDATE "ImportPart" SET "cleanScans" = "cleanScans" + 1, "cleanScanAt" = now()
          WHERE "id" = ANY(${counted.map(({ partId }) => partId)})`,
        prisma.$executeRaw`
          UPDATE "Import" SET "pollAt" = now() + ${afterSeconds} * interval '1 second'
          WHERE "id" = ANY(${imports.map(({ id }) => id)}) AND "state" = 'ambiguous'`,
      ])
    },

    /**
     * It stayed unseen for as long as it takes: ready to be sent again, canceled if that is wanted, or failed if HubSpot
     * has called it a conflict. Resolves to which; undefined when it is no longer ambiguous.
     */
    async sendAgain(
      { id, partId }: LostImport,
      andThen: (tx: Transaction) => Promise<void>,
    ): Promise<'accepted' | 'canceled' | 'failed' | undefined> {
      return prisma.$transaction(async (tx) => {
        const [own] = await tx.$queryRaw<{ state: 'accepted' | 'canceled' | 'failed' }[]>`
          UPDATE "Import" SET "state" = CASE WHEN "cancelAt" IS NOT NULL THEN 'canceled'
                                             WHEN "problem"->>'code' = 'hubspot_refused' THEN 'failed' ELSE 'accepted' END,
            "finishedAt" = CASE WHEN "cancelAt" IS NOT NULL OR "problem"->>'code' = 'hubspot_refused' THEN now() END, "pollAt" = NULL,
            "leaseEpoch" = "leaseEpoch" + 1, "nextAttemptAt" = now(), "updatedAt" = now()
          WHERE "id" = ${id} AND "state" = 'ambiguous' RETURNING "state"`
        if (!own) return undefined
        await tx.$executeRaw`
          UPDATE "ImportPart" SET "committedAt" = NULL, "intentAt" = NULL, "cleanScans" = 0, "cleanScanAt" = NULL WHERE "id" = ${partId}`
        await watchSentAgain(tx, id)
        await recordEvent(tx, id, own.state, { why: 'never appeared at HubSpot' })
        await andThen(tx)
        return own.state
      })
    },

    /** The portal's imports that HubSpot is working on. */
    async listRunning(portalId: string): Promise<RunningImport[]> {
      return prisma.$queryRaw<RunningImport[]>`
        SELECT i."id", i."state", part."id" AS "partId", part."hubspotImportId", i."cancelAt" IS NOT NULL AS "isCancelAsked",
               extract(epoch FROM now() - i."startedAt")::float8 AS "ageSeconds",
               coalesce(i."pollAt", now()) <= now() + interval '0.5 second' AS "isDue"
        FROM "Import" i JOIN "ImportPart" part ON part."importId" = i."id" AND part."position" = 0
        WHERE i."portalId" = ${portalId} AND part."hubspotImportId" IS NOT NULL
          AND (i."state" IN ('submitted', 'processing') OR (i."state" = 'needs_review' AND i."pollAt" IS NOT NULL))
        ORDER BY i."startedAt"`
    },

    /** What HubSpot says of a running import; look again in `afterSeconds`. */
    async recordProgress(
      { id, partId }: RunningImport,
      now: { state: ImportState; hubspotState: string; counters: Counters; afterSeconds: number },
    ) {
      await prisma.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ state: string }[]>`
          SELECT "state" FROM "Import" WHERE "id" = ${id}
            AND ("state" IN ('submitted', 'processing') OR ("state" = 'needs_review' AND "pollAt" IS NOT NULL)) FOR UPDATE`
        if (!row) return
        const state = row.state === 'needs_review' ? row.state : now.state
        await tx.$executeRaw`
          UPDATE "Import" SET "state" = ${state}, "pollAt" = now() + ${now.afterSeconds} * interval '1 second', "updatedAt" = now()
          WHERE "id" = ${id}`
        await tx.importPart.update({
          where: { id: partId },
          data: { state: now.hubspotState, counters: now.counters, unknownSince: null },
        })
        if (row.state !== state) await recordEvent(tx, id, state)
      })
    },

    /** HubSpot does not know it; resolves to for how many seconds now, without a break. */
    async recordUnknown({ id, partId }: RunningImport, afterSeconds: number): Promise<number> {
      return prisma.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ seconds: number }[]>`
          UPDATE "ImportPart" SET "unknownSince" = coalesce("unknownSince", now()) WHERE "id" = ${partId}
          RETURNING extract(epoch FROM now() - "unknownSince")::float8 AS seconds`
        await tx.$executeRaw`UPDATE "Import" SET "pollAt" = now() + ${afterSeconds} * interval '1 second' WHERE "id" = ${id} AND "pollAt" IS NOT NULL`
        return row?.seconds ?? 0
      })
    },

    /** Nothing was learnt; look again in `afterSeconds`. */
    async postpone(ids: string[], afterSeconds: number): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Import" SET "pollAt" = now() + ${afterSeconds} * interval '1 second' WHERE "id" = ANY(${ids}) AND "pollAt" IS NOT NULL`
    },

    /** HubSpot is done with it, one way or the other; `andThen` queues what follows in the same transaction. */
    async finish(
      { id, partId }: RunningImport,
      end: {
        state: 'done' | 'failed' | 'canceled' | 'needs_review'
        hubspotState: string | null
        counters: Counters
        problem: Problem | null
      },
      andThen: (tx: Transaction) => Promise<void>,
    ): Promise<void> {
      const { CREATED_OBJECTS: created = 0, UPDATED_OBJECTS: updated = 0, ERRORS: failed = 0 } = end.counters
      await prisma.$transaction(async (tx) => {
        const own = await tx.$executeRaw`
          WITH own AS (
            UPDATE "Import" SET "state" = CASE WHEN "state" = 'needs_review' THEN "state" ELSE ${end.state} END,
              "problem" = CASE WHEN "state" = 'needs_review' THEN "problem" ELSE ${end.problem && JSON.stringify(end.problem)}::jsonb END,
              "pollAt" = NULL, "finishedAt" = now(), "updatedAt" = now()
            WHERE "id" = ${id} AND ("state" IN ('submitted', 'processing') OR ("state" = 'needs_review' AND "pollAt" IS NOT NULL))
            RETURNING "id", "state", "portalId", "partnerId"
          ), event AS (
            INSERT INTO "ImportEvent" ("importId", "type") SELECT "id", "state" FROM own
          ), day AS (
            INSERT INTO "ImportDay" AS d ("portalId", "partnerId", "day", "imports", "created", "updated", "failed")
            SELECT "portalId", "partnerId", (now() AT TIME ZONE 'UTC')::date, 1, ${created}, ${updated}, ${failed}
            FROM own WHERE "partnerId" IS NOT NULL
            ON CONFLICT ("portalId", "day", "partnerId") DO UPDATE SET
              "imports" = d."imports" + 1, "created" = d."created" + excluded."created",
              "updated" = d."updated" + excluded."updated", "failed" = d."failed" + excluded."failed"
          )
          UPDATE "ImportPart" part SET "state" = ${end.hubspotState}, "counters" = ${JSON.stringify(end.counters)}::jsonb
          FROM own WHERE part."id" = ${partId}`
        if (own > 0) await andThen(tx)
      })
    },
  }
}
