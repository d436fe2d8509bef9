// A process that owns an embedded server until it is told to stop, or killed: `embedded-owner.ts DIR ROLE`. It answers in lines of JSON.
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.js'

const [dir = '', role] = process.argv.slice(2)

try {
  const server = await startEmbeddedPostgres({ dir, role: role === 'cli' ? 'cli' : 'app' })
  process.on('SIGINT', () => say({ interrupted: true }))
  process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
  say({ url: server.url, pid: server.pid, attached: server.attached })
  setInterval(() => {}, 60_000)
} catch (error) {
  const { code, message } = error as { code?: string; message: string }
  say({ code, message })
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
