import { createServer } from 'node:http'
import pg from 'pg'

// What an answer costs at least: a Node server that makes one query and sends the row it gets.
const { PORT = '0', DATABASE_URL = '', CONNECTIONS = '8' } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(CONNECTIONS) })

createServer(async (req, res) => {
  const id = req.url?.slice(1) ?? ''
  const { rows } = await pool.query({
    name: 'one',
    text: `SELECT "id", "portalId", "partnerId", "name", "state", "createdAt", "updatedAt" FROM "Import" WHERE "id" = $1`,
    values: [id],
  })
  const text = JSON.stringify(rows[0] ?? {})
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
}).listen(Number(PORT))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
