import { inBoth } from '../../words/language.js'

export const HOME = inBoth({
  en: {
    title: 'Partner files into HubSpot',
    heading: 'Files into the right HubSpot account, exactly once',
    intro:
      'Importal imports CSV and Excel files into HubSpot: those you choose on its settings page, and those your partners’ systems send by themselves. Each arrives once, and every row that HubSpot did not take is explained.',
    connect: 'Connect a HubSpot account',
    whichPermissions: 'Which permissions it asks for, and why',
    already: 'Already connected?',
    signIn: 'Sign in',
    points: [
      [
        'Files as they are',
        'Semicolons, umlauts, Excel dates and German numbers are recognised. You see what was understood before anything changes.',
      ],
      ['Exactly once', 'A file that was accepted is never lost and never imported twice, whatever breaks down on the way.'],
      [
        'Every wrong row',
        'Each is shown with its line, its column and what to do. Correct it on the page and import only those rows.',
      ],
      [
        'Partners without a HubSpot token',
        'A partner’s system gets a key of its own, limited to what it may import. You can take it back at any time.',
      ],
    ],
  },
  de: {
    title: 'Partnerdateien in HubSpot',
    heading: 'Dateien in den richtigen HubSpot-Account, genau einmal',
    intro:
      'Importal importiert CSV- und Excel-Dateien in HubSpot: solche, die Sie auf der Einstellungsseite auswählen, und solche, die die Systeme Ihrer Partner von selbst senden. Jede kommt genau einmal an, und jede Zeile, die HubSpot nicht angenommen hat, wird erklärt.',
    connect: 'HubSpot-Account verbinden',
    whichPermissions: 'Welche Berechtigungen gebraucht werden, und warum',
    already: 'Schon verbunden?',
    signIn: 'Anmelden',
    points: [
      [
        'Dateien, wie sie sind',
        'Semikolons, Umlaute, Excel-Daten und deutsche Zahlen werden erkannt. Sie sehen, was verstanden wurde, bevor sich etwas ändert.',
      ],
      ['Genau einmal', 'Eine angenommene Datei geht nie verloren und wird nie doppelt importiert, was unterwegs auch ausfällt.'],
      [
        'Jede falsche Zeile',
        'Jede wird mit Zeile, Spalte und Abhilfe gezeigt. Korrigieren Sie sie auf der Seite und importieren Sie nur diese Zeilen.',
      ],
      [
        'Partner ohne HubSpot-Token',
        'Das System eines Partners bekommt einen eigenen Schlüssel, beschränkt auf das, was es importieren darf. Sie können ihn jederzeit zurücknehmen.',
      ],
    ],
  },
})

export const SIGN_IN = inBoth({
  en: {
    title: 'Sign in',
    heading: 'Please sign in',
    text: 'You sign in with HubSpot: choose the account whose settings you want to see. Importal asks for nothing new if it is installed there already.',
    button: 'Sign in with HubSpot',
    ended: 'A sign-in ends after 12 hours without use, and after 14 days in any case.',
  },
  de: {
    title: 'Anmelden',
    heading: 'Bitte melden Sie sich an',
    text: 'Sie melden sich mit HubSpot an: Wählen Sie den Account, dessen Einstellungen Sie sehen möchten. Ist Importal dort schon installiert, wird nach nichts Neuem gefragt.',
    button: 'Mit HubSpot anmelden',
    ended: 'Eine Anmeldung endet nach 12 Stunden ohne Nutzung und in jedem Fall nach 14 Tagen.',
  },
})

/** The titles of pages whose text is a template of its own in each language. */
export const PROSE = inBoth({
  en: {
    titles: { guide: 'Setup guide', privacy: 'Privacy', terms: 'Terms', support: 'Support', permissions: 'Permissions' },
  },
  de: {
    titles: {
      guide: 'Einrichtung',
      privacy: 'Datenschutz',
      terms: 'Nutzungsbedingungen',
      support: 'Support',
      permissions: 'Berechtigungen',
    },
  },
})

export const PROBLEM_PAGE = inBoth({
  en: {
    answers: (code: string, status: number) => `API answers with the code “${code}” and status ${status} lead to this page.`,
    why: 'Why this happens',
    fix: 'What to do',
    passes: 'It passes by itself: send the same request again later, after the time in Retry-After when there is one.',
    stays:
      'Sending the same request again gives the same answer: the fields “detail” and “errors” of the answer say what to change.',
  },
  de: {
    answers: (code, status) => `API-Antworten mit dem Code „${code}“ und dem Status ${status} führen auf diese Seite.`,
    why: 'Warum das geschieht',
    fix: 'Was Sie tun können',
    passes:
      'Es geht von selbst vorüber: Senden Sie dieselbe Anfrage später noch einmal, nach der Zeit in Retry-After, falls angegeben.',
    stays: 'Dieselbe Anfrage ergibt dieselbe Antwort: Die Felder „detail“ und „errors“ der Antwort sagen, was zu ändern ist.',
  },
})
