type Problem = { status: number; title: string; retryable: boolean }

/** Every problem a caller can meet. The codes are public: add, never rename. `retryable`: it may pass by itself. */
export const PROBLEMS = {
  // Who is calling
  key_missing: { status: 401, title: 'No API key', retryable: false },
  key_invalid: { status: 401, title: 'Unknown API key', retryable: false },
  key_exposed: { status: 401, title: 'The API key is in the URL', retryable: false },
  signature_invalid: { status: 401, title: 'Not signed by HubSpot', retryable: false },
  // What a partner may do
  partner_paused: { status: 403, title: 'The account’s admin has paused this partner', retryable: true },
  object_not_allowed: { status: 403, title: 'These objects may not be imported with this key', retryable: false },
  operation_not_allowed: { status: 403, title: 'This may not be done with this key', retryable: false },
  row_budget_exceeded: { status: 429, title: 'The rows of this day are used up', retryable: true },
  // What is asked for
  not_found: { status: 404, title: 'No such page', retryable: false },
  portal_not_found: { status: 404, title: 'No such portal', retryable: false },
  template_not_found: { status: 404, title: 'No such template', retryable: false },
  endpoint_not_found: { status: 404, title: 'No such endpoint', retryable: false },
  delivery_not_found: { status: 404, title: 'No such message', retryable: false },
  template_name_taken: { status: 409, title: 'A template of this name is there', retryable: false },
  import_not_found: { status: 404, title: 'No such import', retryable: false },
  method_not_allowed: { status: 405, title: 'Method not allowed', retryable: false },
  url_malformed: { status: 400, title: 'Malformed URL', retryable: false },
  query_invalid: { status: 400, title: 'Invalid query', retryable: false },
  request_malformed: { status: 400, title: 'Malformed request', retryable: false },
  body_invalid: { status: 422, title: 'Invalid request body', retryable: false },
  body_too_large: { status: 413, title: 'Request body too large', retryable: false },
  media_type_unsupported: { status: 415, title: 'Media type not supported', retryable: false },
  request_timeout: { status: 408, title: 'The request took too long', retryable: true },
  expectation_failed: { status: 417, title: 'Expectation not supported', retryable: false },
  headers_too_large: { status: 431, title: 'Request headers too large', retryable: false },
  // The upload
  multipart_required: { status: 415, title: 'Not a multipart/form-data upload', retryable: false },
  encoding_unsupported: { status: 415, title: 'Content encoding not supported', retryable: false },
  multipart_malformed: { status: 400, title: 'Malformed multipart body', retryable: false },
  too_many_parts: { status: 400, title: 'Too many parts', retryable: false },
  unexpected_field: { status: 400, title: 'Unexpected field', retryable: false },
  duplicate_field: { status: 400, title: 'Field sent twice', retryable: false },
  file_missing: { status: 400, title: 'No file', retryable: false },
  files_mismatch: { status: 400, title: 'Files do not match the importRequest', retryable: false },
  filename_missing: { status: 400, title: 'File without a name', retryable: false },
  filename_invalid: { status: 400, title: 'Invalid file name', retryable: false },
  upload_too_large: { status: 413, title: 'Upload too large', retryable: false },
  idempotency_key_invalid: { status: 400, title: 'Invalid Idempotency-Key', retryable: false },
  idempotency_key_in_use: { status: 409, title: 'An upload with this Idempotency-Key is under way', retryable: true },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used for something else', retryable: false },
  too_many_requests: { status: 429, title: 'Too many requests', retryable: true },
  byte_budget_exceeded: { status: 429, title: 'The bytes of this day are used up', retryable: true },
  too_many_streams: { status: 429, title: 'Too many streams of events', retryable: true },
  too_many_waiting: { status: 429, title: 'Too many imports are waiting', retryable: true },
  too_many_uploads: { status: 429, title: 'Too many uploads at the same time', retryable: true },
  upload_incomplete: { status: 400, title: 'The upload was cut off', retryable: true },
  storage_full: { status: 507, title: 'There is no room for uploads', retryable: true },
  storage_unavailable: { status: 503, title: 'The upload could not be stored', retryable: true },
  // The file itself
  file_type_unsupported: { status: 415, title: 'Not a file that can be imported', retryable: false },
  format_mismatch: { status: 422, title: 'The file is not what it is called', retryable: false },
  file_empty: { status: 422, title: 'The file is empty', retryable: false },
  no_rows: { status: 422, title: 'The file has no rows', retryable: false },
  encoding: { status: 422, title: 'The file’s text cannot be read', retryable: false },
  quotes_unbalanced: { status: 422, title: 'A quoted cell never ends', retryable: false },
  mapping_unclear: { status: 422, title: 'What the columns are is not clear', retryable: false },
  header_invalid: { status: 422, title: 'The file’s header cannot be used', retryable: false },
  too_many_columns: { status: 422, title: 'Too many columns', retryable: false },
  row_too_large: { status: 422, title: 'A row is too long', retryable: false },
  too_many_rows: { status: 422, title: 'Too many rows', retryable: false },
  split_impossible: { status: 422, title: 'The file is too large, and cannot be split', retryable: false },
  normalization_needed: { status: 422, title: 'HubSpot cannot take the file as it is', retryable: false },
  archive_too_large: { status: 422, title: 'The file unpacks to too much', retryable: false },
  archive_damaged: { status: 422, title: 'The file cannot be unpacked', retryable: false },
  encrypted: { status: 422, title: 'The file is protected by a password', retryable: false },
  file_has_macros: { status: 422, title: 'The file contains macros', retryable: false },
  file_too_complex: { status: 422, title: 'The file is too complex', retryable: false },
  workbook_invalid: { status: 422, title: 'The workbook cannot be read', retryable: false },
  sheet_unclear: { status: 422, title: 'Which worksheet is not clear', retryable: false },
  no_worksheet: { status: 422, title: 'No worksheet to read', retryable: false },
  findings_refused: { status: 422, title: 'Cells are wrong', retryable: false },
  corrections_impossible: { status: 409, title: 'The rows cannot be told', retryable: false },
  // On the settings page
  partner_not_found: { status: 404, title: 'No such partner', retryable: false },
  partner_name_taken: { status: 409, title: 'There is a partner of this name', retryable: false },
  key_not_found: { status: 404, title: 'No such key', retryable: false },
  draft_not_found: { status: 404, title: 'This file is not waiting here any more', retryable: false },
  draft_started: { status: 409, title: 'The import of this file was started already', retryable: false },
  again_impossible: { status: 409, title: 'This cannot be imported again', retryable: false },
  // Webhooks
  url_not_allowed: { status: 422, title: 'Nothing can be sent to this address', retryable: false },
  too_many_endpoints: { status: 409, title: 'Too many endpoints', retryable: false },
  too_many_tests: { status: 429, title: 'Too many test events', retryable: true },
  // The importRequest
  import_request_missing: { status: 400, title: 'No importRequest', retryable: false },
  import_request_too_large: { status: 413, title: 'importRequest too large', retryable: false },
  import_request_invalid: { status: 422, title: 'Invalid importRequest', retryable: false },
  json_invalid: { status: 400, title: 'Invalid JSON', retryable: false },
  too_deep: { status: 422, title: 'JSON nested too deeply', retryable: false },
  duplicate_key: { status: 422, title: 'JSON key given twice', retryable: false },
  // HubSpot's own calls
  create_twin: { status: 409, title: 'The same import is being made', retryable: true },
  // Connecting a portal
  oauth_missing_code: { status: 400, title: 'HubSpot sent no code', retryable: false },
  oauth_state_invalid: { status: 400, title: 'This installation link is not valid', retryable: false },
  oauth_request_invalid: { status: 400, title: 'This installation link is malformed', retryable: false },
  oauth_code_refused: { status: 400, title: 'HubSpot refused the installation code', retryable: false },
  oauth_answer_invalid: { status: 502, title: 'HubSpot gave an answer we cannot use', retryable: false },
  oauth_portal_mismatch: { status: 502, title: 'HubSpot named two different accounts', retryable: false },
  oauth_scopes_missing: { status: 403, title: 'Permissions are missing', retryable: false },
  oauth_other_portal: { status: 409, title: 'Another account was chosen', retryable: false },
  portal_disconnecting: { status: 409, title: 'This account is just being disconnected', retryable: true },
  oauth_misconfigured: { status: 502, title: 'HubSpot refuses our credentials', retryable: true },
  sign_in_required: { status: 401, title: 'Please sign in', retryable: false },
  edited_meanwhile: { status: 409, title: 'Somebody else has changed this meanwhile', retryable: false },
  ticket_invalid: { status: 403, title: 'This link is not valid', retryable: false },
  form_forged: { status: 403, title: 'This form did not come from our page', retryable: false },
  // HubSpot, on the way of an import
  token_refused: { status: 502, title: 'HubSpot refuses the access token', retryable: true },
  portal_disconnected: { status: 409, title: 'The portal is not connected', retryable: false },
  scope_missing: { status: 409, title: 'A HubSpot permission is missing', retryable: false },
  hubspot_refused: { status: 422, title: 'HubSpot refused the import', retryable: false },
  hubspot_import_failed: { status: 422, title: 'HubSpot could not finish the import', retryable: false },
  hubspot_import_lost: { status: 502, title: 'The import vanished at HubSpot', retryable: false },
  hubspot_duplicate: { status: 502, title: 'HubSpot holds this import more than once', retryable: false },
  hubspot_unavailable: { status: 502, title: 'HubSpot did not answer', retryable: true },
  hubspot_path_unknown: { status: 502, title: 'HubSpot does not know the address we call', retryable: true },
  submission_delayed: { status: 503, title: 'Not sent to HubSpot yet', retryable: true },
  hubspot_migrating: { status: 503, title: 'HubSpot is moving the account', retryable: true },
  hubspot_busy: { status: 503, title: 'HubSpot asks us to wait', retryable: true },
  file_damaged: { status: 500, title: 'The stored file no longer matches what was uploaded', retryable: false },
  file_lost: { status: 500, title: 'The stored file is gone', retryable: false },
  lease_lost: { status: 500, title: 'Another process took over', retryable: true },
  encryption_key_missing: { status: 500, title: 'An encryption key is not configured', retryable: true },
  seal_broken: { status: 500, title: 'A stored secret cannot be opened', retryable: false },
  overloaded: { status: 503, title: 'There is too much to do', retryable: true },
  database_unavailable: { status: 503, title: 'The database does not answer', retryable: true },
  internal: { status: 500, title: 'Something went wrong on our side', retryable: true },
} as const satisfies Record<string, Problem>

export type ProblemCode = keyof typeof PROBLEMS

export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEMS, text)
}

/** Where in a request something is wrong: `pointer` is a JSON pointer into the importRequest, or a parameter's name. */
export type FieldError = { pointer?: string; file?: string; row?: number; column?: string; detail: string }

export type AppErrorOptions = {
  /** For the caller: safe to show. */
  detail?: string | undefined
  errors?: FieldError[] | undefined
  retryAfterSeconds?: number | undefined
  headers?: Record<string, string> | undefined
  /** For the log only, as is `cause`. Never a secret, never a file's content. */
  context?: Record<string, unknown> | undefined
  cause?: unknown
}

/** A failure we foresaw. `detail` and `errors` are shown to the caller; `cause` and `context` go to the log only. */
export class AppError extends Error {
  override name = 'AppError'
  readonly code: ProblemCode
  readonly options: AppErrorOptions

  constructor(code: ProblemCode, options: AppErrorOptions = {}) {
    super(options.detail ?? PROBLEMS[code].title, { cause: options.cause })
    this.code = code
    this.options = options
  }
}
