#!/usr/bin/env node
// Stands in for Prisma's schema engine, a program that its command line would download from a host that not everyone can reach.
// It answers the same JSON-RPC over stdin and stdout with Prisma's own WebAssembly build of that engine and its adapter for pg.
// When Prisma's command line runs on that build by itself, this file and its line in prisma.config.ts can go.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import pg from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'

const CATALOG_CHAR = 18
const TEXT = 25

const args = process.argv.slice(2)
const datasource = JSON.parse(valuesOf('--datasource')[0] ?? '{}')

if (args.includes('--version')) console.log('schema-engine-wasm')
else if (args.includes('cli')) await runCommand(args[args.indexOf('cli') + 1])
else await answerRequests()

function valuesOf(name) {
  return args.flatMap((arg, index) => (arg === name ? [args[index + 1]] : []))
}

/** Prisma's addresses name a schema, which Postgres does not know as part of one. */
function parseAddress(address) {
  const url = new URL(address)
  const schema = url.searchParams.get('schema') ?? 'public'
  url.searchParams.delete('schema')
  return { url, schema, database: decodeURIComponent(url.pathname.slice(1)) || 'postgres' }
}

/** `can-connect-to-database` and `create-database`: asked by separate processes before the conversation starts. */
async function runCommand(command) {
  const { url, database } = parseAddress(datasource.url)
  try {
    await query({ connectionString: url.href, connectionTimeoutMillis: 5_000 }, 'SELECT 1')
  } catch (error) {
    if (error.code === '3D000' && command === 'create-database') return createDatabase(url, database)
    if (error.code === '3D000') fail(`Database \`${database}\` does not exist`, 'P1003')
    else if (error.code === '28P01') fail('Authentication failed against database server', 'P1000')
    else fail(`Can't reach database server at \`${url.host}\`: ${error.message}`, 'P1001')
  }
}

function fail(message, code) {
  const line = { level: 'ERROR', target: 'schema_engine::logger', fields: { message, error_code: code } }
  process.stderr.write(`\n${JSON.stringify(line)}\n`)
  process.exitCode = 1
}

async function createDatabase(url, database) {
  const server = new URL(url)
  server.pathname = '/postgres'
  await query({ connectionString: server.href }, `CREATE DATABASE ${pg.escapeIdentifier(database)}`)
}

async function query(config, sql) {
  const client = new pg.Client(config)
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** One request at a time, in the order they come, until stdin ends. */
async function answerRequests() {
  const engine = lazyEngine()
  let current = {}
  // A panic of the engine's surfaces outside the call that caused it. It must be answered all the same: Prisma's command line
  // takes an engine that ends in silence for success.
  let panic
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => (panic = message) }
  process.on('uncaughtException', (error) => {
    sendError(current, panic ? new Error(`The schema engine gave up: ${panic}`) : error)
    process.exitCode = 1
    process.stdout.write('', () => process.exit())
  })

  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    if (!request.method) continue // the answer to a print of ours
    current = request
    try {
      send({ id: request.id, result: (await answer(engine, request)) ?? {} })
    } catch (error) {
      const data = {
        is_panic: false,
        message: String(error?.message ?? error),
        meta: error?.meta ?? null,
        error_code: error?.code ?? null,
      }
      send({ id: request.id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } })
    }
  }
  process.exit() // connections of the engine's may still be open
}

function sendError({ id }, error) {
  const data = {
    is_panic: false,
    message: String(error?.message ?? error),
    meta: error?.meta ?? null,
    error_code: error?.code ?? null,
  }
  send({ id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } })
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}

async function answer(engine, { method, params }) {
  if (method === 'createDatabase') {
    await runCommand('create-database')
    return { databaseName: parseAddress(datasource.url).database }
  }
  if (method === 'getDatabaseVersion') return (await engine()).version(params ?? null)

  // These two cannot open a shadow database in this build, and use the schema that the last diagnosis of the same list of
  // migrations kept; once migrations were applied, that was of a shorter list.
  const { migrationsList, filters } = params ?? {}
  if (method === 'evaluateDataLoss' || method === 'createMigration')
    await (await engine()).devDiagnostic({ migrationsList, filters })

  const result = await (await engine())[method](params ?? null)
  if (method !== 'diff' || result.stdout == null) return result
  send({ id: 'print', method: 'print', params: { content: result.stdout } })
  return { ...result, stdout: null }
}

function lazyEngine() {
  let engine
  return () => {
    engine ??= openEngine()
    return engine
  }
}

async function openEngine() {
  const SchemaEngine = await loadEngine()
  const { url, schema } = parseAddress(datasource.url ?? 'postgresql://127.0.0.1:1/none')
  const adapters = new PrismaPg(poolConfig(url), { schema })
  const factory = {
    provider: adapters.provider,
    adapterName: adapters.adapterName,
    connect: async () => adapt(await adapters.connect()),
    connectToShadowDb: () => connectToShadow(url, schema),
  }
  const files = valuesOf('--datamodels').map((path) => [path, readFileSync(path, 'utf8')])
  return SchemaEngine.new(
    { datamodels: files.length ? files : undefined },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory),
  )
}

async function loadEngine() {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const path = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    .replace(/\.js$/, '.wasm')
  const { instance } = await WebAssembly.instantiate(readFileSync(path), { './schema_engine_bg.js': bindings })
  bindings.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return bindings.SchemaEngine
}

/** The adapter's own shadow connection drops the database while its pool is still connected, which Postgres refuses. */
async function connectToShadow(url, schema) {
  if (datasource.shadowDatabaseUrl) {
    const shadow = parseAddress(datasource.shadowDatabaseUrl)
    return adapt(await new PrismaPg(poolConfig(shadow.url), { schema: shadow.schema }).connect())
  }

  const database = `prisma_migrate_shadow_db_${randomUUID()}`
  await query(poolConfig(url), `CREATE DATABASE "${database}"`)
  const pool = new pg.Pool({ ...poolConfig(url), database })
  pool.on('error', () => {})
  const connection = adapt(await new PrismaPg(pool, { schema, disposeExternalPool: false }).connect())
  connection.dispose = async () => {
    await pool.end()
    await query(poolConfig(url), `DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`)
  }
  return connection
}

// Parsed rather than passed on as a string, which would win over the `database` that the adapter and we set beside it.
function poolConfig(url) {
  return { ...parseIntoClientConfig(url.href), max: 1, idleTimeoutMillis: 0 }
}

function adapt(connection) {
  return withCatalogTypes(withWholeScripts(connection))
}

/** The adapter cuts a script at every semicolon, in function bodies too; sent as one simple query it runs whole. */
function withWholeScripts(connection) {
  connection.executeScript = async (sql) => {
    try {
      await connection.underlyingDriver().query(sql)
    } catch (error) {
      connection.onError(error)
    }
  }
  return connection
}

/**
 * The adapter does not know Postgres's type "char", which the catalog is full of; the engine wants it as a character, and
 * ends on anything else.
 */
function withCatalogTypes(connection) {
  const queryRaw = connection.queryRaw
  connection.queryRaw = async (question) => {
    let isChar = []
    const performIO = async (asked) => {
      const result = await connection.performIO(asked)
      isChar = result.fields.map((field) => field.dataTypeID === CATALOG_CHAR)
      return { ...result, fields: result.fields.map((field, i) => (isChar[i] ? { name: field.name, dataTypeID: TEXT } : field)) }
    }
    const result = await queryRaw.call(Object.create(connection, { performIO: { value: performIO } }), question)
    return { ...result, columnTypes: result.columnTypes.map((type, i) => (isChar[i] ? ColumnTypeEnum.Character : type)) }
  }
  return connection
}
