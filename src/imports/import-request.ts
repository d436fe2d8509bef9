import { z } from 'zod'
import { ColumnMappings, FileFormat, findUnmapped, importSettings } from '../mappings/column-mapping.js'

/**
 * HubSpot's importRequest. Every documented field is checked; others are kept here, and refused
 * on our own paths.
 * @see https://developers.hubspot.com/docs/api-reference/latest/crm/imports/guide
 */

const MAX_FILES = 5
export const MAX_NAME_LENGTH = 200

/** Our mark in an import's name, by which a lost answer is found again. Nobody else may write one. */
const MARKER = /\[imp_/i

const FileEntry = z.looseObject({
  fileName: z.string().min(1).max(1_000),
  fileFormat: FileFormat,
  fileImportPage: z.looseObject({
    hasHeader: z.boolean().default(true),
    columnMappings: ColumnMappings,
  }),
})

export const ImportRequest = z
  .looseObject({
    name: z
      .string()
      .trim()
      .min(1, 'must not be empty')
      .max(MAX_NAME_LENGTH)
      .refine((name) => !hasControlCharacters(name), 'must not hold control characters')
      .refine((name) => !MARKER.test(name), 'must not hold a mark like [imp_…]: those are ours'),
    ...importSettings,
    portalId: z.union([z.string(), z.number()]).optional(),
    files: z.array(FileEntry).min(1).max(MAX_FILES),
  })
  .superRefine((request, ctx) => {
    for (const [i, file] of request.files.entries()) {
      if (request.files.findIndex(({ fileName }) => fileName === file.fileName) < i)
        ctx.addIssue({ code: 'custom', path: ['files', i, 'fileName'], message: 'is named twice' })
    }
    const columns = request.files.flatMap(({ fileImportPage }) => fileImportPage.columnMappings)
    const unmapped = findUnmapped(request.importOperations, columns)
    if (unmapped !== undefined)
      ctx.addIssue({ code: 'custom', path: ['importOperations', unmapped], message: 'is an object type that no column maps' })
  })
export type ImportRequest = z.output<typeof ImportRequest>

/** The mark of an import's part, put at the end of its name at HubSpot. */
export function markerOf(importId: string): string {
  return `[${importId}]`
}

/** The imports whose marks a name holds, by their ids. */
export function findMarks(name: string): string[] {
  return [...name.matchAll(/\[(imp_[0-9a-f]{32})\]/g)].map(([, id = '']) => id)
}

function hasControlCharacters(name: string): boolean {
  return /\p{Cc}/u.test(name)
}
