// Faults that nothing in the app would ever do, at a signal from outside; loaded before the app.
process.on('SIGHUP', () => {
  throw new Error('planted')
})
process.on('SIGUSR2', () => {
  void Promise.reject(new Error('planted'))
})
process.on('SIGWINCH', () => {
  for (const from = performance.now(); performance.now() - from < 3_000; );
})
