import { createSimulator } from './simulator.js'

// npm run simulator: a HubSpot on its own, for trying and for a partner's own tests.
const { PORT = '4000', HOST = '127.0.0.1', CLIENT_ID = 'demo-client', CLIENT_SECRET = 'demo-secret', AUTO_APPROVE } = process.env
const simulator = await createSimulator({ port: Number(PORT), host: HOST, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })
if (AUTO_APPROVE === '1') simulator.control.settings({ autoApprove: true })
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void simulator.close().then(() => process.exit(0)))
// Last: whoever waits for this line may stop it right after.
process.stdout.write(`A simulated HubSpot listens on ${simulator.url}\n`)
