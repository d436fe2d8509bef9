import { AppError } from '../../errors.js'

const SAVE_AGAIN = 'Open the file in your spreadsheet program, save it again as .xlsx and send that.'
const SPLIT = 'Split the file, or save the sheet as CSV, and send that.'

/** The container is broken: cut off, or not what it says of itself. */
export function damaged(what: string, cause?: unknown): AppError {
  return new AppError('archive_damaged', { detail: `The file is damaged: ${what}. ${SAVE_AGAIN}`, cause })
}

/** The container is whole; what is in it does not keep to the format. */
export function invalid(what: string, cause?: unknown): AppError {
  return new AppError('workbook_invalid', {
    detail: `The workbook breaks the rules of its format: ${what}. ${SAVE_AGAIN}`,
    cause,
  })
}

/** A bomb, or as good as one. */
export function tooLarge(part: string): AppError {
  return new AppError('archive_too_large', {
    detail: `The file grows beyond all measure when it is unpacked (${part}). ${SPLIT}`,
  })
}

/** More of something than is read. */
export function tooComplex(what: string): AppError {
  return new AppError('file_too_complex', { detail: `The file holds ${what}. ${SPLIT}` })
}

/** Something else than a workbook, however it is named. */
export function notWorkbook(what: string): AppError {
  const detail = `The file is ${what}. Save it as an Excel workbook (.xlsx) or as CSV and send that.`
  return new AppError('file_type_unsupported', { detail })
}

/** Locked with a password: nobody but its owner can open it. */
export function encrypted(): AppError {
  const fix = 'Remove the password in your spreadsheet program, save the file and send that.'
  return new AppError('encrypted', { detail: `The file is protected by a password. ${fix}` })
}
