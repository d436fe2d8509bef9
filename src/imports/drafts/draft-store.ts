import { z } from 'zod'
import { newId } from '../../db/ids.js'
import type { Database, Transaction } from '../../db/prisma.js'
import { AppError } from '../../errors.js'

export const DraftId = z.string().regex(/^drf_[0-9a-f]{32}$/)

const Packed = z.object({ bytes: z.number(), sha256: z.string() })

/** What somebody wants done with a file: HubSpot's importRequest, and the worksheet that is meant. */
export const DraftChoice = z.object({ request: z.looseObject({ name: z.string() }), sheet: z.string().nullable() })
export type DraftChoice = z.infer<typeof DraftChoice>

const Example = z.object({
  message: z.string(),
  fix: z.string().nullable(),
  line: z.number().nullable(),
  columnName: z.string().nullable(),
  value: z.string().nullable(),
})

/** What a check of a draft came to; `groups` are its findings by code, each with some examples. */
export const DraftReport = z.object({
  /** Why it would be refused. */
  problem: z.object({ code: z.string(), detail: z.string().nullable(), errors: z.array(z.string()) }).nullable(),
  rows: z.number().nullable(),
  /** Into how many parts it is split. */
  parts: z.number(),
  groups: z.array(z.object({ code: z.string(), count: z.number(), isHarmless: z.boolean(), examples: z.array(Example) })),
})
export type DraftReport = z.infer<typeof DraftReport>

export type Draft = {
  id: string
  portalId: string
  storeKey: string
  name: string
  bytes: number
  sha256: string
  packed: z.infer<typeof Packed> | undefined
  choice: DraftChoice | undefined
  report: DraftReport | undefined
  importId: string | null
}

type NewDraft = Pick<Draft, 'portalId' | 'storeKey' | 'name' | 'bytes' | 'sha256' | 'packed'> & {
  id?: string
  choice?: DraftChoice | undefined
}

const KEPT_HOURS = 24
/** Of one portal. */
const MAX_DRAFTS = 20
const SWEPT_AT_ONCE = 100

export type DraftStore = ReturnType<typeof createDraftStore>

/** Files that a portal's admin has chosen and not started to import yet; each is kept for a day. */
export function createDraftStore(prisma: Database) {
  return {
    /**
     * With an `id`, the same one is made only once.
     * @throws {AppError} `portal_not_found`, `too_many_waiting`, `draft_started`: there is one of this id
     */
    async create({ id = newId('drf'), packed, choice, ...draft }: NewDraft): Promise<string> {
      const made = await prisma.$executeRaw`
        INSERT INTO "Draft" ("id", "portalId", "storeKey", "name", "bytes", "sha256", "packed", "choice", "expiresAt")
        SELECT ${id}, p."id", ${draft.storeKey}, ${draft.name}, ${draft.bytes}, ${draft.sha256},
               ${packed ? JSON.stringify(packed) : null}::jsonb, ${choice ? JSON.stringify(choice) : null}::jsonb,
               now() + ${KEPT_HOURS} * interval '1 hour'
        FROM "Portal" p WHERE p."id" = ${draft.portalId} AND p."status" <> 'disconnected'
          AND (SELECT count(*) FROM "Draft" d WHERE d."portalId" = p."id") < ${MAX_DRAFTS} FOR SHARE
        ON CONFLICT ("id") DO NOTHING`
      if (made > 0) return id
      if ((await prisma.draft.count({ where: { id } })) > 0) throw new AppError('draft_started')
      const isThere = await prisma.portal.count({ where: { id: draft.portalId, status: { not: 'disconnected' } } })
      if (isThere === 0) throw new AppError('portal_not_found')
      throw new AppError('too_many_waiting', {
        detail: `${MAX_DRAFTS} files of this account have been chosen and not imported. Start or discard some of them.`,
      })
    },

    /** @throws {AppError} `draft_not_found` */
    async read(portalId: string, id: string): Promise<Draft> {
      const row = await prisma.draft.findUnique({ where: { id, portalId, expiresAt: { gt: new Date() } } })
      if (!row) throw new AppError('draft_not_found')
      return {
        ...row,
        bytes: Number(row.bytes),
        packed: Packed.safeParse(row.packed).data,
        choice: DraftChoice.safeParse(row.choice).data,
        report: DraftReport.safeParse(row.report).data,
      }
    },

    /** What is to be done with it, and what a check of that came to. */
    async recordChoice(
      { id, portalId }: Pick<Draft, 'id' | 'portalId'>,
      choice: DraftChoice,
      report: DraftReport | null,
    ): Promise<void> {
      await prisma.$executeRaw`
        UPDATE "Draft" SET "choice" = ${JSON.stringify(choice)}::jsonb, "report" = ${report && JSON.stringify(report)}::jsonb
        WHERE "id" = ${id} AND "portalId" = ${portalId} AND "importId" IS NULL`
    },

    /**
     * It has become an import, as part of the transaction that makes that: its file is the import's.
     * @throws {AppError} `draft_started`: it had become one already
     */
    async recordStarted({ id, portalId }: Pick<Draft, 'id' | 'portalId'>, importId: string, tx: Transaction): Promise<void> {
      const { count } = await tx.draft.updateMany({ where: { id, portalId, importId: null }, data: { importId } })
      if (count === 0) throw new AppError('draft_started')
    },

    /** Forgets one; resolves to the file that nobody needs any more. */
    async discard(portalId: string, id: string): Promise<string | undefined> {
      const [row] = await prisma.$queryRaw<{ storeKey: string }[]>`
        DELETE FROM "Draft" WHERE "id" = ${id} AND "portalId" = ${portalId} AND "importId" IS NULL RETURNING "storeKey"`
      return row?.storeKey
    },

    /** Forgets those whose time is over, and of portals that have left; resolves to the files that nobody needs any more. */
    async sweep(): Promise<string[]> {
      const rows = await prisma.$queryRaw<{ storeKey: string; importId: string | null }[]>`
        DELETE FROM "Draft" WHERE "id" IN (
          SELECT d."id" FROM "Draft" d JOIN "Portal" p ON p."id" = d."portalId"
          WHERE d."expiresAt" < now() OR p."status" = 'disconnected' LIMIT ${SWEPT_AT_ONCE})
        RETURNING "storeKey", "importId"`
      return rows.flatMap(({ storeKey, importId }) => (importId === null ? [storeKey] : []))
    },
  }
}
