/** The part of an import's request that we look at; the rest is only echoed. */
export type ImportRequest = {
  name?: unknown
  importOperations?: Record<string, string>
  files?: FileRequest[]
}
export type FileRequest = {
  fileName?: string
  fileImportPage?: { hasHeader?: boolean; columnMappings?: ColumnMapping[] }
}
export type ColumnMapping = {
  columnName?: string
  propertyName?: string | null
  columnObjectTypeId?: string
  columnType?: string | null
}

/** The JSON of a request, or undefined when it is none, or none of an object. */
export function parseRequest(text: string | undefined): ImportRequest | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const { files } = value as { files?: unknown }
    const isReadable =
      files === undefined || (Array.isArray(files) && files.every((file) => typeof file === 'object' && file !== null))
    return isReadable ? value : undefined
  } catch {
    return undefined
  }
}

/** What a request says about one uploaded file, by its name. */
export function fileRequestOf(request: ImportRequest | undefined, name: string): FileRequest | undefined {
  return request?.files?.find(({ fileName }) => fileName === name)
}

/** The column mappings that can be read. */
export function mappingsOf(file: FileRequest | undefined): ColumnMapping[] {
  const mappings = file?.fileImportPage?.columnMappings
  return Array.isArray(mappings) ? mappings.filter((one) => typeof one === 'object' && one !== null) : []
}
