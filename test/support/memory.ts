import { readFile, writeFile } from 'node:fs/promises'

/** The most memory a process has held since its start or the last `resetPeak`, in MB; NaN where only Linux would tell. */
export async function readPeak(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kibibytes = 'unknown'] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return (Number(kibibytes) * 1024) / 1e6
}

/** Makes the peak what the process holds now. @see https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined)
}
