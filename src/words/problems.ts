import { PROBLEMS, type ProblemCode } from '../errors.js'
export type ProblemWords = { title: string; cause: string; fix: string }
export const PROBLEM_WORDS = Object.fromEntries(
  Object.entries(PROBLEMS).map(([c, { title }]) => [c, { en: { title, cause: '', fix: '' }, de: { title, cause: '', fix: '' } }]),
) as Record<ProblemCode, { en: ProblemWords; de: ProblemWords }>
