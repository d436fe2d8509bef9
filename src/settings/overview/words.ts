import { inBoth } from '../../words/language.js'

export const OVERVIEW = inBoth({
  en: {
    title: 'Overview',
    connectedTo: 'Connected to',
    needsConnecting: 'Needs to be connected again:',
    hubId: (id: string) => `Hub ID ${id}`,
    attention: 'Needs your attention',
    allWell: 'Nothing needs your attention.',
    notices: {
      waiting: {
        text: 'Imports are waiting. HubSpot does not take this Importal’s own settings at the moment; whoever runs it has been told. Nothing is lost, and everything goes on by itself.',
        action: '',
      },
      matching: {
        text: 'Imports are waiting. This Importal was restored from a backup and first looks up what HubSpot has already, so that nothing is imported twice. If they do not go on within the hour, tell whoever runs it.',
        action: '',
      },
      reconnect: {
        text: 'HubSpot no longer lets us in. Imports are accepted and wait; they go on by themselves once you connect this account again.',
        action: 'Connect again',
      },
      scopes: {
        text: 'New permissions are needed. Imports that need them wait until you have allowed them.',
        action: 'Review permissions',
      },
    },
    needsReview: (count: number) => (count === 1 ? 'One import needs a look.' : `${count} imports need a look.`),
    failedImports: (count: number) =>
      count === 1 ? 'One import of the last seven days failed.' : `${count} imports of the last seven days failed.`,
    wrongRows: (name: string, count: number, shown: string) =>
      `${count === 1 ? 'One row' : `${shown} rows`} of “${name}” ${count === 1 ? 'was' : 'were'} not imported.`,
    showThem: 'Show them',
    fixThem: 'Fix them',
    running: 'Running now',
    nothingRuns: 'Nothing is running.',
    latest: 'Latest imports',
    allImports: 'All imports',
    import: 'Import',
    state: 'State',
    rows: 'Rows',
    created: 'Created',
    updated: 'Updated',
    failed: 'Failed',
    started: 'Started',
    tableOfImports: 'Table of imports',
    progressOf: (done: string) => `${done} done`,
    chart: 'Rows of the last 30 days',
    chartSummary: (created: string, updated: string, failed: string) =>
      `In the last 30 days ${created} rows were created, ${updated} updated, and ${failed} failed.`,
    asTable: 'Show as a table',
    day: 'Day',
    nothingYet: 'No rows were imported in the last 30 days.',
    welcome: 'Welcome',
    welcomeText: 'Your account is connected. Three things you can do from here:',
    stepImport: 'Import a file',
    stepImportText:
      'Choose a CSV or Excel file. We recognise its columns, check its rows and show you the result before anything is changed in HubSpot.',
    stepPartner: 'Connect a partner',
    stepPartnerText: 'Give a partner’s system a key of its own, limited to what it may import.',
    stepGuide: 'Read the setup guide',
    stepGuideText: 'How imports work, what is checked, and what happens to your data.',
    sample: 'Download a sample file',
  },
  de: {
    title: 'Übersicht',
    connectedTo: 'Verbunden mit',
    needsConnecting: 'Muss neu verbunden werden:',
    hubId: (id) => `Hub-ID ${id}`,
    attention: 'Bitte beachten Sie',
    allWell: 'Derzeit ist nichts zu tun.',
    notices: {
      waiting: {
        text: 'Importe warten. HubSpot nimmt derzeit die Einstellungen dieses Importal nicht an; wer es betreibt, ist benachrichtigt. Nichts geht verloren, und alles geht von selbst weiter.',
        action: '',
      },
      matching: {
        text: 'Importe warten. Dieses Importal wurde aus einer Sicherung wiederhergestellt und prüft zuerst, was HubSpot bereits hat, damit nichts doppelt importiert wird. Geht es nicht innerhalb einer Stunde weiter, wenden Sie sich an den Betreiber.',
        action: '',
      },
      reconnect: {
        text: 'HubSpot lässt uns nicht mehr zu. Importe werden angenommen und warten; sie gehen von selbst weiter, sobald Sie diesen Account erneut verbinden.',
        action: 'Erneut verbinden',
      },
      scopes: {
        text: 'Neue Berechtigungen werden benötigt. Importe, die sie brauchen, warten, bis Sie sie erteilt haben.',
        action: 'Berechtigungen prüfen',
      },
    },
    needsReview: (count) => (count === 1 ? 'Ein Import muss geprüft werden.' : `${count} Importe müssen geprüft werden.`),
    failedImports: (count) =>
      count === 1
        ? 'Ein Import der letzten sieben Tage ist fehlgeschlagen.'
        : `${count} Importe der letzten sieben Tage sind fehlgeschlagen.`,
    wrongRows: (name, count, shown) =>
      `${count === 1 ? 'Eine Zeile' : `${shown} Zeilen`} von „${name}“ ${count === 1 ? 'wurde' : 'wurden'} nicht importiert.`,
    showThem: 'Anzeigen',
    fixThem: 'Korrigieren',
    running: 'Läuft gerade',
    nothingRuns: 'Derzeit läuft nichts.',
    latest: 'Letzte Importe',
    allImports: 'Alle Importe',
    import: 'Import',
    state: 'Status',
    rows: 'Zeilen',
    created: 'Neu',
    updated: 'Aktualisiert',
    failed: 'Fehler',
    started: 'Gestartet',
    tableOfImports: 'Tabelle der Importe',
    progressOf: (done) => `${done} erledigt`,
    chart: 'Zeilen der letzten 30 Tage',
    chartSummary: (created, updated, failed) =>
      `In den letzten 30 Tagen wurden ${created} Zeilen neu angelegt und ${updated} aktualisiert; ${failed} waren fehlerhaft.`,
    asTable: 'Als Tabelle anzeigen',
    day: 'Tag',
    nothingYet: 'In den letzten 30 Tagen wurden keine Zeilen importiert.',
    welcome: 'Willkommen',
    welcomeText: 'Ihr Account ist verbunden. Drei Dinge, die Sie von hier aus tun können:',
    stepImport: 'Datei importieren',
    stepImportText:
      'Wählen Sie eine CSV- oder Excel-Datei. Wir erkennen ihre Spalten, prüfen ihre Zeilen und zeigen Ihnen das Ergebnis, bevor in HubSpot etwas geändert wird.',
    stepPartner: 'Partner anbinden',
    stepPartnerText: 'Geben Sie dem System eines Partners einen eigenen Schlüssel, beschränkt auf das, was er importieren darf.',
    stepGuide: 'Anleitung lesen',
    stepGuideText: 'Wie Importe ablaufen, was geprüft wird und was mit Ihren Daten geschieht.',
    sample: 'Beispieldatei herunterladen',
  },
})
