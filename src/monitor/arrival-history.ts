/**
 * The last times between the heartbeats of one peer, and what they are on average. Begins with two guesses around the
 * interval that the peer promises, so that it is of use from the first heartbeat on.
 */
export class ArrivalHistory {
  readonly #samples: Float32Array
  #count = 0
  #next = 0
  #sum = 0
  #sumOfSquares = 0

  constructor(intervalMs: number, samplesMax: number) {
    this.#samples = new Float32Array(samplesMax)
    this.add(intervalMs * 0.75)
    this.add(intervalMs * 1.25)
  }

  /** Adds a time between two arrivals; the oldest one goes. */
  add(ms: number): void {
    const samples = this.#samples
    const oldest = this.#count === samples.length ? (samples[this.#next] ?? 0) : 0
    samples[this.#next] = ms
    // As it was rounded when it was put in, so that the sums lose exactly what they gained.
    const added = samples[this.#next] ?? 0
    this.#sum += added - oldest
    this.#sumOfSquares += added * added - oldest * oldest
    this.#next = (this.#next + 1) % samples.length
    this.#count = Math.min(this.#count + 1, samples.length)
  }

  get meanMs(): number {
    return this.#sum / this.#count
  }

  get deviationMs(): number {
    const { meanMs } = this
    return Math.sqrt(Math.max(0, this.#sumOfSquares / this.#count - meanMs * meanMs))
  }
}
