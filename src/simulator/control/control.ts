import { addFault, type FaultInput } from '../faults.js'
import { force, stateOf } from '../imports/lifecycle.js'
import { appendEvent, type JournalEvent, recordLifecycle, toReading } from '../journal/journal.js'
import { planSecrets, type SecretsByKind } from '../oauth/planned-secrets.js'
import { removeApp } from '../oauth/uninstall.js'
import { changeSettings, type Settings } from '../settings.js'
import type { AppAct, Import, Portal, PortalFields, RequestRecord, State, TokenCall } from '../state.js'
import { type Delivery, deliver } from '../webhooks/deliver.js'
import { privacyDeletion } from '../webhooks/privacy-deletion.js'

export type Control = ReturnType<typeof createControl>

const DEFAULT_SCOPES = ['oauth', 'crm.import']

/** What a test, or a person over HTTP under /control, can do to the simulated HubSpot. All throw on a wrong input. */
export function createControl(state: State) {
  const importOf = (id: string): Import => {
    const made = state.imports.get(id)
    if (!made) throw new Error(`There is no import ${id}.`)
    return made
  }

  return {
    /** Changes settings, and gives all of them. */
    settings: (patch: Partial<Settings> = {}): Settings => ({ ...changeSettings(state.settings, patch) }),

    /** Makes a portal, or changes one; properties are replaced per object type. */
    portal(id: string, patch: Partial<PortalFields> = {}) {
      if (!/^\d{1,15}$/.test(id)) throw new Error('A portal’s id is a decimal number, as text.')
      const isNew = !state.portals.has(id)
      const portal = state.portals.get(id) ?? state.addPortal(id)
      const unknown = Object.entries(patch).find(([name, value]) => typeof value !== typeof portal[name as keyof PortalFields])
      if (unknown && isNew) state.portals.delete(id)
      if (unknown) throw new Error(`A portal has no ${unknown[0]} like ${JSON.stringify(unknown[1])}.`)
      return outlinePortal(Object.assign(portal, patch, { id, properties: { ...portal.properties, ...patch.properties } }))
    },

    portals: () => [...state.portals.values()].map(outlinePortal),

    /** The account is gone: refreshing answers BAD_HUB. */
    removePortal(id: string): void {
      if (state.portal(id).isInstalled) recordLifecycle(state, 'APP_UNINSTALL', id)
      state.portals.delete(id)
    },

    /** A code for a portal, without the consent page. */
    install(portalId: string, { redirectUri, scopes = DEFAULT_SCOPES }: { redirectUri: string; scopes?: string[] }): string {
      if (typeof redirectUri !== 'string' || !Array.isArray(scopes))
        throw new Error('An install needs "redirectUri", a text, and may have "scopes", a list.')
      return state.issueCode(state.portal(portalId).id, redirectUri, scopes)
    },

    /** As if the portal's admin removed the app: every token dies. */
    uninstall(portalId: string): void {
      removeApp(state, portalId, true)
    },

    /** Access tokens end now; refreshing still works. */
    expireTokens(portalId: string): void {
      state.portal(portalId)
      for (const token of state.tokens.values())
        if (token.portalId === portalId) token.expiresAt = Math.min(token.expiresAt, Date.now())
    },

    rotateClientSecret(secret: string): void {
      if (typeof secret !== 'string' || secret === '') throw new Error('A client secret is a text.')
      state.clientSecret = secret
    },

    /** The next codes and tokens are exactly these, so that a test can look for them where they must not be. */
    planSecrets: (more: Partial<SecretsByKind>): void => planSecrets(state.plannedSecrets, more),

    /** Every code and token that was issued, dead ones too. */
    issued: (): SecretsByKind => structuredClone(state.issuedSecrets),

    fault: (rule: FaultInput): number => addFault(state, rule),

    clearFaults(): void {
      state.faults.length = 0
    },

    /** Ground truth: every import that was made, in order, whatever was answered. */
    imports: (portalId?: string) =>
      [...state.imports.values()]
        .filter((made) => portalId === undefined || made.portalId === portalId)
        .map((made) => outlineImport(state, made)),

    /** Every request but those to /control; status 0: not answered, or cut. */
    requests: (): RequestRecord[] => state.requests.map((record) => ({ ...record })),
    tokenCalls: (): TokenCall[] => state.tokenCalls.map((call) => ({ ...call })),

    /** Refresh tokens that the app revoked, and portals that it left by itself. */
    revocations: (): AppAct[] => state.revocations.map((act) => ({ ...act })),
    uninstalls: (): AppAct[] => state.uninstalls.map((act) => ({ ...act })),

    /** The webhooks journal, from its beginning. */
    journal: () => state.journal.map(toReading),

    /** Appends an event, forged or of another app, whatever was subscribed to. */
    appendJournal: (event: JournalEvent): void => appendEvent(state, event),

    /** Sends webhook events to an app, signed unless it is told otherwise; resolves to the app's answer. */
    deliver: (delivery: Delivery) => deliver(delivery, state.clientSecret),

    /** An event to deliver: the portal deleted a contact for good. */
    privacyDeletion,

    setImportState(importId: string, importState: string, counters?: Record<string, number>): void {
      if (typeof importState !== 'string' || importState === '') throw new Error('An import’s state is a text.')
      force(state, importOf(importId), importState, counters ?? null)
    },

    /** As a person does on HubSpot's pages: the request that it was made with still says its old name. */
    renameImport(importId: string, name: string): void {
      if (typeof name !== 'string') throw new Error('An import’s name is a text.')
      importOf(importId).name = name
    },

    /** HubSpot knows nothing of it any more; the ledger does. */
    forgetImport(importId: string): void {
      importOf(importId).isForgotten = true
    },

    /** Everything as it was at the start. */
    reset: (): void => state.reset(),
  }
}

function outlinePortal({ properties: _properties, owners: _owners, callTimes: _callTimes, running, waiting, ...portal }: Portal) {
  return { ...portal, running: running.length, waiting: waiting.length }
}

function outlineImport(state: State, made: Import) {
  const { id, portalId, name, createdAt, request, files, contentLength, isChunked, errorCount } = made
  return { id, portalId, name, state: stateOf(state, made), createdAt, request, files, contentLength, isChunked, errorCount }
}
