import { inBoth } from './language.js'

/** Around what went wrong, on the page of an error. */
export const ERROR = inBoth({
  en: {
    signIn: 'Sign in with HubSpot',
    startAgain: 'Start again',
    toStart: 'To the start page',
    whatToDo: 'What to do',
    code: 'Code',
    request: 'request',
  },
  de: {
    signIn: 'Mit HubSpot anmelden',
    startAgain: 'Neu beginnen',
    toStart: 'Zur Startseite',
    whatToDo: 'Was Sie tun können',
    code: 'Code',
    request: 'Anfrage',
  },
})
