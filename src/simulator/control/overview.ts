import { escapeHtml, page, type Reply } from '../exchange.js'
import type { Control } from './control.js'
import { CONTROL_CALLS } from './control-routes.js'

/** What there is, for a person who opens the simulator in a browser. */
export function overview(control: Control): Reply {
  const portals = control.portals().map(({ id, hubDomain, isInstalled, returned, loginLoops, contactsCreated }) => {
    const loop = returned === false ? `, in a login loop (${loginLoops} rounds): the app never came back to the marketplace` : ''
    const app = isInstalled ? 'app installed' : 'app not installed'
    const link = `<a href="/marketplace/open?portalId=${escapeHtml(id)}">Open the app</a>`
    return `<li>${escapeHtml(hubDomain)} (${escapeHtml(id)}): ${app}${loop}, ${contactsCreated} contacts created. ${link}</li>`
  })
  const imports = control
    .imports()
    .slice(-20)
    .map(({ id, portalId, name, state }) => `<li>${escapeHtml(`${name} (${id}, portal ${portalId}): ${state}`)}</li>`)
  const events = control
    .journal()
    .slice(-20)
    .flatMap(({ journalEvents }) => journalEvents.map((event) => `<li>${escapeHtml(JSON.stringify(event))}</li>`))
  return page(
    200,
    'A simulated HubSpot',
    `<h2>Portals</h2><ul>${portals.join('')}</ul><h2>Latest imports</h2><ul>${imports.join('') || '<li>none yet</li>'}</ul>
<h2>Webhooks journal</h2><ul>${events.join('') || '<li>nothing yet</li>'}</ul>
<h2>Settings</h2><pre>${escapeHtml(JSON.stringify(control.settings(), null, 2))}</pre>
<h2>Calls to change it</h2><pre>${escapeHtml(CONTROL_CALLS.join('\n'))}</pre>`,
  )
}
