export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

/** Words that are there in every language: what one of them lacks does not compile. */
export type InBoth<Words> = Record<Language, Words>

/** Takes words in English, and the same in every other language. */
export function inBoth<Words>(words: { en: Words } & Record<Language, NoInfer<Words>>): InBoth<Words> {
  return words
}

/** What a browser has chosen on our pages, and what it accepts. */
type Asking = { headers: { cookie?: string | undefined }; acceptsLanguages(...languages: string[]): string | false }

/** The person's own choice, or else what the browser asks for; English where that is neither. */
export function languageOf(req: Asking): Language {
  const chosen = chosenIn(req, 'importal-language')
  const language = chosen ?? req.acceptsLanguages(...LANGUAGES)
  return LANGUAGES.find((one) => one === language) ?? 'en'
}

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export function themeOf(req: Asking): Theme {
  const chosen = chosenIn(req, 'importal-theme')
  return THEMES.find((one) => one === chosen) ?? 'system'
}

function chosenIn({ headers }: Asking, name: string): string | undefined {
  return new RegExp(`(?:^|;\\s*)${name}=([a-z]+)`).exec(headers.cookie ?? '')?.[1]
}

export type Formats = ReturnType<typeof createFormats>

/** Numbers, sizes and times as a reader of the language writes them; times are those of the account's own zone. */
export function createFormats(language: Language, accountZone: string) {
  const timeZone = isTimeZone(accountZone) ? accountZone : 'UTC'
  const numbers = new Intl.NumberFormat(language)
  const sizes = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })
  const shares = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  const instants = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone })
  const days = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' })
  const shortDays = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' })
  const units = ['B', 'kB', 'MB', 'GB']

  return {
    number: (value: number | bigint): string => numbers.format(value),
    share: (value: number): string => shares.format(value),
    instant: (value: Date): string => instants.format(value),
    /** A date without a time. */
    day: (value: Date): string => days.format(value),
    shortDay: (value: Date): string => shortDays.format(value),
    bytes(value: number): string {
      const power = value < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
      return `${sizes.format(value / 1_000 ** power)} ${units[power]}`
    },
  }
}

/** HubSpot's names are mostly those of the time zone database. */
function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) instanceof Intl.DateTimeFormat
  } catch {
    return false
  }
}
