// Lets a process live in another hour: `node --import test/tokens/support/shifted-clock.mjs`, with CLOCK_SHIFT_MS in its
// environment. Everything that asks for the time of day is told the wrong one; monotonic time goes on as it is.
const shiftMs = Number(process.env.CLOCK_SHIFT_MS)
const RealDate = Date
const now = () => RealDate.now() + shiftMs

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
})
