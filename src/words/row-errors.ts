export function explainCode(code: string, _language: 'en' | 'de') {
  return { title: code, what: '', fix: '' }
}
