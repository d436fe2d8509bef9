import { AppError } from '../../errors.js'
import { damaged, invalid, notWorkbook } from './refusals.js'
import { readTokens } from './xml/read-tokens.js'
import type { Bytes } from './zip/bytes.js'
import { type Entry, readDirectory } from './zip/directory.js'
import { readPart } from './zip/part.js'

/** From one part to another, by the last word of its type: `worksheet`, `styles`, … */
export type Relationship = { id: string; type: string; target: string; isExternal: boolean }

export type Package = Awaited<ReturnType<typeof openPackage>>

const MIB = 1024 * 1024
/** Of anything but sheets and texts: the styles of a workbook that has been copied for years take some. */
const MAX_PART_BYTES = 32 * MIB
const CONTENT_TYPES = '[content_types].xml'
const WORKBOOK_TYPE = /spreadsheetml\.(sheet|template)\.main\+xml$/i
const MACRO_WORKBOOK_TYPE = /ms-excel\.(sheet|template|addin)\.macroEnabled\.main\+xml$/i
const MACRO_TYPE = /vbaProject|macrosheet/i
const MACRO_NAME = /(^|\/)vbaProject[^/]*\.bin$|^xl\/macrosheets\//i
const ARCHIVE_NAME = /\.(zip|gz|7z|rar|tar|xlsx|xlsm|xlsb|ods)$/i

/**
 * Opens the package that a workbook is, and refuses everything else.
 * @throws {AppError} `file_type_unsupported`, `file_has_macros`, `encrypted`, `archive_damaged`, `workbook_invalid`
 * @see ECMA-376 part 2 (Open Packaging Conventions)
 */
export async function openPackage(bytes: Bytes) {
  const entries = await readDirectory(bytes)
  const typeOf = await readContentTypes(bytes, entries)
  const names = [...entries.keys()]

  const pack = {
    names,
    has: (name: string): boolean => entries.has(name.toLowerCase()),

    /** What a part holds, no more than `maxBytes`. */
    read(name: string, maxBytes = MAX_PART_BYTES): AsyncIterable<Buffer> {
      const entry = entries.get(name.toLowerCase())
      if (!entry) throw invalid(`its part ${name} is missing`)
      return readPart(bytes, entry, maxBytes)
    },

    /** Where a part leads to; the package itself is the part `''`. */
    async relationships(source: string): Promise<Relationship[]> {
      const at = source.lastIndexOf('/') + 1
      const name = `${source.slice(0, at)}_rels/${source.slice(at)}.rels`
      return pack.has(name) ? readRelationships(name, source, pack.read(name)) : []
    },
  }

  const toWorkbook = (await pack.relationships('')).find(({ type }) => type === 'officeDocument')
  const workbook = toWorkbook?.target ?? ''
  const type = typeOf(workbook)
  if (MACRO_WORKBOOK_TYPE.test(type)) throw notWorkbook('a workbook with macros (such as .xlsm)')
  if (!WORKBOOK_TYPE.test(type)) throw notWorkbook('another Office document than an Excel workbook (.xlsx)')
  if (names.some((name) => MACRO_NAME.test(name) || MACRO_TYPE.test(typeOf(name)))) throw macros()
  return { ...pack, workbook }
}

/** Gives the type of a part: by its name, or else by its extension. */
async function readContentTypes(bytes: Bytes, entries: Map<string, Entry>): Promise<(name: string) => string> {
  const entry = entries.get(CONTENT_TYPES)
  if (!entry) {
    if ([...entries.keys()].some((name) => ARCHIVE_NAME.test(name))) throw damaged('it is an archive with archives inside')
    throw notWorkbook('an archive, but not an Excel workbook')
  }
  const byName = new Map<string, string>()
  const byExtension = new Map<string, string>()
  await readTokens(entry.name, readPart(bytes, entry, MAX_PART_BYTES), (xml, token) => {
    if (token !== 'open' || xml.depth() !== 2) return
    const type = xml.attribute('ContentType') ?? ''
    if (xml.name() === 'Override') byName.set((xml.attribute('PartName') ?? '').replace(/^\//, '').toLowerCase(), type)
    if (xml.name() === 'Default') byExtension.set((xml.attribute('Extension') ?? '').toLowerCase(), type)
  })
  return (name) => byName.get(name.toLowerCase()) ?? byExtension.get(name.slice(name.lastIndexOf('.') + 1).toLowerCase()) ?? ''
}

async function readRelationships(part: string, source: string, chunks: AsyncIterable<Buffer>): Promise<Relationship[]> {
  const found: Relationship[] = []
  await readTokens(part, chunks, (xml, token) => {
    if (token !== 'open' || xml.name() !== 'Relationship') return
    const type = xml.attribute('Type') ?? ''
    const isExternal = xml.attribute('TargetMode') === 'External'
    const target = isExternal ? '' : resolve(source, xml.attribute('Target') ?? '')
    found.push({ id: xml.attribute('Id') ?? '', type: type.slice(type.lastIndexOf('/') + 1), target, isExternal })
  })
  return found
}

/** A target is relative to its source's folder, or absolute inside the package; none leads out of it. */
function resolve(source: string, target: string): string {
  const url = URL.parse(target, `part://package/${source}`)
  return decodeName(url?.pathname.replace(/^\/+/, '') ?? '')
}

function decodeName(path: string): string {
  return path.replaceAll(/(%[0-9a-f]{2})+/gi, (escaped) => Buffer.from(escaped.replaceAll('%', ''), 'hex').toString())
}

function macros(): AppError {
  return new AppError('file_has_macros', {
    detail: 'The file contains macros, which are never accepted. Save it as a workbook without macros (.xlsx) and send that.',
  })
}
