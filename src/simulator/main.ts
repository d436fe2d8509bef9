import { createSimulator } from './simulator.js'

// npm run simulator: a HubSpot on its own, for trying and for a partner's own tests.
const { PORT = '4000', CLIENT_ID = 'demo-client', CLIENT_SECRET = 'demo-secret', AUTO_APPROVE = '' } = process.env
const simulator = await createSimulator({ port: Number(PORT), clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })
if (AUTO_APPROVE === '1') simulator.control.settings({ autoApprove: true })
process.stdout.write(`A simulated HubSpot listens on ${simulator.url}\n`)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void simulator.close().then(() => process.exit(0)))
