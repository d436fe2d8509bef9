import { openAsBlob } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import {
  type Access,
  ApiProblem,
  type Client,
  createClient,
  type Import,
  type RowError,
  type Upload,
  type Validation,
} from './client.js'
import { forwardMessages } from './listen.js'
import { countsOf, createProgress, type Output, type Progress } from './progress.js'

export const CLIENT_USAGE = `  import FILE... --portal ID               send files to Importal, with a partner's key; no database is needed
              [--request FILE]             … with HubSpot's importRequest from this file
              [--template ID]              … with a template; with neither, the columns are guessed
              [--strict]                   … not at all if a cell is wrong
              [--watch]                    … and wait for the end; 2 when rows had errors, 1 when it did not get done
  validate FILE... --portal ID             only say what is wrong; the same options; 0 only if nothing is
  listen --forward URL                     post what webhooks tell to an address of this machine, signed, until it is stopped
              [--event NAME]...            … only these events
                                           all three: [--url URL] or IMPORTAL_URL, or http://localhost:3000;
                                           [--key-file FILE] or IMPORTAL_KEY, and never the key itself
`

export type ClientOptions = {
  portal?: string
  url?: string
  'key-file'?: string
  request?: string
  template?: string
  strict?: boolean
  watch?: boolean
  forward?: string
  event?: string[]
  json?: boolean
}

export type ClientCommand = 'import' | 'validate' | 'listen'

/** Where a command runs: what it may know, whom it tells, and what stops one that does not end by itself. */
export type Terminal = { env: Record<string, string | undefined>; stdout: Output; stderr: Output; stopped: AbortSignal }

type Asked = { client: Client; portalId: string; upload: Upload; options: ClientOptions; print: Print; progress: Progress }
type Print = (json: unknown, text: string) => void

const [DONE, FAILED, ROW_ERRORS, MISUSED] = [0, 1, 2, 64]
const DEFAULT_URL = 'http://localhost:3000'
const SHOWN_ERRORS = 10
const SHOWN_LINES = 20
const LOOK_EVERY_MS = 1_000

/** What keeps a command from beginning; everything else that is thrown is a problem of the call, or a fault of ours. */
const misuse = (message: string): never => {
  throw Object.assign(new Error(message), { isMisuse: true })
}

/** Whether it is one of the commands for a partner, which need neither a database nor a configuration. */
export function isClientCommand(word: string | undefined): word is ClientCommand {
  return word === 'import' || word === 'validate' || word === 'listen'
}

/** Runs a command to its end; resolves to the exit code. The key is shown by nothing, whatever was answered. */
export async function runClientCommand(
  command: ClientCommand,
  files: string[],
  options: ClientOptions,
  { env, stdout, stderr, stopped }: Terminal,
): Promise<number> {
  let key = ''
  const hide = (text: string) => (key === '' ? text : text.replaceAll(key, '[key]'))
  const hiding = (output: Output): Output => ({
    ...(output.isTTY === undefined ? {} : { isTTY: output.isTTY }),
    ...(output.columns === undefined ? {} : { columns: output.columns }),
    write: (text) => output.write(hide(text)),
  })
  const progress = createProgress(hiding(options.json ? { write: (text) => stderr.write(text) } : stderr))
  try {
    const { portal: portalId = '' } = options
    if (command !== 'listen' && portalId === '') misuse(`${command} needs --portal with a HubSpot account’s id, such as 123456.`)
    if (command !== 'listen' && files.length === 0) misuse(`${command} needs a file.`)
    key = await readKey(options, env)
    const client = makeClient({
      baseUrl: options.url ?? (env.IMPORTAL_URL || DEFAULT_URL),
      key,
      onRetry: (problem, waitMs) => progress.say(`${oneLine(problem.message)} Trying again in ${Math.ceil(waitMs / 1_000)} s.`),
    })
    const print: Print = (json, text) => void stdout.write(hide(options.json ? `${JSON.stringify(json)}\n` : text))
    if (command === 'listen') return await listen(client, options, print, stopped)
    const asked = { client, portalId, upload: await readUpload(files, options), options, print, progress }
    // Whoever may not come in is told before his files are on their way.
    await client.me()
    return await (command === 'import' ? importFiles(asked) : validateFiles(asked))
  } catch (error) {
    progress.end()
    stderr.write(hide(describeFailure(error)))
    return error instanceof Error && 'isMisuse' in error ? MISUSED : FAILED
  }
}

/** Until it is stopped. The secret is shown: whoever checks signatures needs it, and it is good for nothing else. */
async function listen(
  client: Client,
  { forward = '', event = [] }: ClientOptions,
  print: Print,
  stopped: AbortSignal,
): Promise<number> {
  const to = URL.canParse(forward)
    ? new URL(forward)
    : misuse('listen needs --forward with an address, such as http://localhost:8080/hook.')
  await forwardMessages(
    client,
    {
      to,
      events: event,
      onSecret: (secret) => print({ forward: to.href, secret }, `Messages go to ${to.href}, signed with ${secret}\n`),
      tell: ({ id, type }, status) => print({ id, type, status }, `${type.padEnd(24)}${id}  ${oneLine(status)}\n`),
    },
    stopped,
  )
  return DONE
}

async function importFiles(asked: Asked): Promise<number> {
  const { client, portalId, upload, options, print } = asked
  const made = await client.createImport(portalId, { ...upload, validateOnly: false })
  if (!options.watch) {
    print(made, describeImport(made, []))
    return DONE
  }
  const ended = await watchImport(asked, made)
  const rowErrors = await firstRowErrors(asked, ended)
  print({ ...ended, rowErrors }, describeImport(ended, rowErrors))
  if (ended.state !== 'done') return FAILED
  return rowErrors.length > 0 || countsOf(ended).errors > 0 || ended.findings.errors > 0 ? ROW_ERRORS : DONE
}

async function watchImport({ client, portalId, options, progress }: Asked, { id }: Import): Promise<Import> {
  // Between two events, how far it has come; who cannot tell now will the next time.
  const look = () => client.getImport(portalId, id).then(progress.show, () => undefined)
  const timer = progress.isDrawn && !options.json ? setInterval(() => void look(), LOOK_EVERY_MS) : undefined
  try {
    for await (const { event, import: ended } of client.watch(portalId, id)) {
      if (ended) return ended
      if (!options.json) progress.tell(event)
    }
  } finally {
    clearInterval(timer)
    progress.end()
  }
  throw new Error(`The events of ${id} have no end.`)
}

async function firstRowErrors({ client, portalId }: Asked, { id }: Import): Promise<RowError[]> {
  for await (const { results } of client.errors(portalId, id, { origin: 'hubspot', limit: SHOWN_ERRORS })) return results
  return []
}

/** Asks strictly, since that alone tells wrong cells from what is only worth knowing; who is not strict hears of no refusal. */
async function validateFiles({ client, portalId, upload, options, print }: Asked): Promise<number> {
  const report = await client.createImport(portalId, { ...upload, strict: true, validateOnly: true })
  const hasWrongCells = report.problem?.code === 'findings_refused'
  const isAcceptable = report.isAcceptable || (hasWrongCells && !options.strict)
  print({ ...report, isAcceptable, problem: isAcceptable ? null : report.problem }, describeReport(report, isAcceptable))
  if (!isAcceptable) return FAILED
  return hasWrongCells ? ROW_ERRORS : DONE
}

/** Files are read while they are sent, and again if they have to be sent again. */
async function readUpload(files: string[], options: ClientOptions): Promise<Upload> {
  const content = files.map(async (path) => {
    const found = await stat(path).catch(readFailure(path))
    return found.isFile() ? { name: basename(path), content: await openAsBlob(path) } : misuse(`${path} is no file.`)
  })
  return {
    files: await Promise.all(content),
    importRequest: options.request && (await readFile(options.request, 'utf8').catch(readFailure(options.request))),
    template: options.template,
    strict: options.strict,
  }
}

function makeClient(access: Access): Client {
  try {
    return createClient(access)
  } catch (error) {
    return misuse((error as TypeError).message)
  }
}

async function readKey({ 'key-file': keyFile }: ClientOptions, env: Terminal['env']): Promise<string> {
  const key = keyFile === undefined ? env.IMPORTAL_KEY : await readFile(keyFile, 'utf8').catch(readFailure(keyFile))
  return key?.trim() || misuse('A key is needed: in a file that --key-file names, or in IMPORTAL_KEY.')
}

function readFailure(path: string): (error: NodeJS.ErrnoException) => never {
  return ({ code }) => misuse(`${path} cannot be read: ${code}.`)
}

function describeFailure(error: unknown): string {
  if (!(error instanceof ApiProblem)) return `${oneLine(error instanceof Error ? error.message : String(error))}\n`
  const { code, title, detail, errors, requestId, retryAfterSeconds } = error
  const lines = [
    `${title}${detail === undefined ? '' : `: ${detail}`} (${code})`,
    ...errors.slice(0, SHOWN_ERRORS).map(({ detail: what, pointer, file, row, column }) => {
      const where = [file, row === undefined ? undefined : `line ${row}`, column, pointer].filter((part) => part !== undefined)
      return `  ${[where.join(', '), what].filter(Boolean).join(': ')}`
    }),
    ...(errors.length > SHOWN_ERRORS ? [`  … and ${errors.length - SHOWN_ERRORS} more`] : []),
    ...(retryAfterSeconds === undefined ? [] : [`Try again in ${retryAfterSeconds} s.`]),
    ...(requestId === undefined ? [] : [`Request ${requestId}`]),
  ]
  return lines.map((line) => `${oneLine(line)}\n`).join('')
}

function describeImport(made: Import, rowErrors: RowError[]): string {
  const { id, state, problem, possibleDuplicateOf, findings } = made
  const { rows, created, updated, errors } = countsOf(made)
  const counts = { rows, created, updated, 'row errors': errors, findings: findings.errors + findings.warnings }
  const lines = [
    ...Object.entries({ import: id, state, ...(state === 'accepted' ? { rows } : counts) }).map(
      ([name, value]) => `${name.padEnd(20)}${value ?? '–'}`,
    ),
    ...(problem === null ? [] : [`${problem.detail} (${problem.code})`]),
    ...(possibleDuplicateOf === null ? [] : [`The same bytes were sent before: ${possibleDuplicateOf}`]),
    ...(rowErrors.length === 0 ? [] : ['', 'The first row errors:']),
    ...rowErrors.map((error) => `  ${placeOf(error)}: ${error.message} (${error.code})`),
  ]
  return lines.map((line) => `${oneLine(line)}\n`).join('')
}

function placeOf({ file, line, columnName, value }: RowError): string {
  const place = [file, line === null ? null : `line ${line}`, columnName].filter((part) => part !== null).join(', ')
  return value === null ? place : `${place} “${value}”`
}

function describeReport({ problem, codes, results, files }: Validation, isAcceptable: boolean): string {
  const groups = Object.entries(codes).flatMap(([code, count]) => {
    const found = results.filter((one) => one.code === code)
    const lines = found.flatMap(({ file, line }) => (line ? [files.length > 1 ? `${file}:${line}` : String(line)] : []))
    const shown = lines.slice(0, SHOWN_LINES)
    const more = count - shown.length
    return [
      `${code} (${count}): ${found[0]?.message ?? ''}`,
      ...(shown.length === 0 ? [] : [`  lines ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`]),
      ...(found[0]?.fix ? [`  ${found[0].fix}`] : []),
    ]
  })
  const { title, detail, code } = (problem ?? {}) as { title?: string; detail?: string; code?: string }
  const refusal = `Would be refused: ${[title, detail].filter(Boolean).join(': ')} (${code})`
  const wrong = problem === null ? 'Nothing is wrong.' : 'Would be imported, but for what is wrong.'
  return [...groups, isAcceptable ? wrong : refusal].map((line) => `${oneLine(line)}\n`).join('')
}

/** What others wrote, as a part of one line: nothing in it may move the cursor or turn the text around. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ')
}
