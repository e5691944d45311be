import { ProxyTracerProvider, type Span, SpanStatusCode, type Tracer } from '@opentelemetry/api'

/** The tracer of a peer that does not trace. `withSpan` knows it and does nothing beside calling the function. */
export const NO_TRACER: Tracer = new ProxyTracerProvider().getTracer('off')

/** What a traced function may say of itself. */
export type SpanLabels = Readonly<Record<string, string | number | boolean>>

/**
 * Runs `fn` inside a span named `component/Operation`. Spans begun inside become its children; what `fn` throws is
 * recorded and thrown on. With `NO_TRACER` it is a plain call.
 */
export async function withSpan<T>(
  tracer: Tracer,
  name: string,
  fn: () => Promise<T>,
  labels?: () => SpanLabels,
): Promise<T> {
  if (tracer === NO_TRACER) return fn()
  return tracer.startActiveSpan(name, { attributes: labels?.() ?? {} }, async span => {
    try {
      return await fn()
    } catch (thrown) {
      markFailed(span, thrown)
      throw thrown
    } finally {
      span.end()
    }
  })
}

function markFailed(span: Span, thrown: unknown): void {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
