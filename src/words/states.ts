import { inBoth } from './language.js'

/** How a state looks beside its word: never by colour alone. */
export type Look = 'good' | 'bad' | 'busy' | 'waiting' | 'quiet'

export const STATE_LOOKS: Record<string, { icon: string; look: Look }> = {
  accepted: { icon: '◷', look: 'waiting' },
  submitting: { icon: '↑', look: 'busy' },
  submitted: { icon: '↑', look: 'busy' },
  processing: { icon: '↻', look: 'busy' },
  done: { icon: '✓', look: 'good' },
  failed: { icon: '✕', look: 'bad' },
  canceled: { icon: '–', look: 'quiet' },
  held: { icon: '❚❚', look: 'waiting' },
  ambiguous: { icon: '?', look: 'waiting' },
  needs_review: { icon: '!', look: 'bad' },
}

type StateWords = { state: Record<string, string>; explained: Record<string, string>; held: Record<string, string> }

/** The states of an import, what each means, and why one waits. */
export const STATES = inBoth<StateWords>({
  en: {
    state: {
      accepted: 'Waiting for its turn',
      submitting: 'Being sent',
      submitted: 'Sent to HubSpot',
      processing: 'Running in HubSpot',
      done: 'Done',
      failed: 'Failed',
      canceled: 'Canceled',
      held: 'On hold',
      ambiguous: 'Being looked up',
      needs_review: 'Needs a look',
    },
    explained: {
      accepted: 'It starts by itself as soon as HubSpot has room for it.',
      submitting: 'The file is on its way to HubSpot.',
      submitted: 'HubSpot has the file and will start soon.',
      processing: 'HubSpot is writing the rows.',
      done: 'HubSpot has finished.',
      failed: 'Nothing more happens by itself.',
      canceled: 'It was stopped. What HubSpot had written by then stays.',
      held: 'It is kept safe, and goes on by itself once the reason is gone.',
      ambiguous: 'The answer of HubSpot was lost. We look up whether the import is there before anything is sent again.',
      needs_review: 'Please compare with HubSpot what is there: we do not try again by ourselves.',
    },
    held: {
      reconnect: 'HubSpot no longer lets us in. Connect the account again, and the import goes on by itself.',
      scope: 'A permission is missing. Review the permissions, and the import goes on by itself.',
      quota: 'HubSpot’s limit of imports or rows in 24 hours is reached. The import goes on once there is room again.',
      migration: 'HubSpot is moving the account to another data centre. The import goes on afterwards.',
      busy: 'HubSpot is busy or not reachable. We try again by ourselves.',
    },
  },
  de: {
    state: {
      accepted: 'Wartet',
      submitting: 'Wird gesendet',
      submitted: 'An HubSpot gesendet',
      processing: 'Läuft in HubSpot',
      done: 'Fertig',
      failed: 'Fehlgeschlagen',
      canceled: 'Abgebrochen',
      held: 'Angehalten',
      ambiguous: 'Wird gesucht',
      needs_review: 'Bitte prüfen',
    },
    explained: {
      accepted: 'Der Import startet von selbst, sobald HubSpot Platz dafür hat.',
      submitting: 'Die Datei ist auf dem Weg zu HubSpot.',
      submitted: 'HubSpot hat die Datei und beginnt bald.',
      processing: 'HubSpot schreibt die Zeilen.',
      done: 'HubSpot ist fertig.',
      failed: 'Von selbst geschieht nichts mehr.',
      canceled: 'Der Import wurde gestoppt. Was HubSpot bis dahin geschrieben hat, bleibt bestehen.',
      held: 'Der Import ist sicher aufbewahrt und geht von selbst weiter, sobald der Grund entfällt.',
      ambiguous: 'Die Antwort von HubSpot ging verloren. Wir suchen den Import dort, bevor etwas noch einmal gesendet wird.',
      needs_review: 'Bitte vergleichen Sie mit HubSpot, was dort vorhanden ist: Wir versuchen es nicht von selbst noch einmal.',
    },
    held: {
      reconnect: 'HubSpot lässt uns nicht mehr zu. Verbinden Sie den Account erneut, dann geht der Import von selbst weiter.',
      scope: 'Eine Berechtigung fehlt. Prüfen Sie die Berechtigungen, dann geht der Import von selbst weiter.',
      quota:
        'Das HubSpot-Limit für Importe oder Zeilen in 24 Stunden ist erreicht. Der Import geht weiter, sobald wieder Platz ist.',
      migration: 'HubSpot zieht den Account in ein anderes Rechenzentrum um. Der Import geht danach weiter.',
      busy: 'HubSpot ist ausgelastet oder nicht erreichbar. Wir versuchen es von selbst erneut.',
    },
  },
})
