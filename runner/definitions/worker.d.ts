// Types of the global scope of a worker of Isolane: with "lib": ["esnext"] and "types": [] in tsconfig.json.

/** What the worker is given by name: variables, and what its tenant has. `isolane types` adds those of a worker.toml. */
interface Env {}

declare const env: Readonly<Env>;

/** The default export of a worker. */
interface ExportedHandler<E = Env, Payload = any> {
  fetch?(request: Request, env: E, ctx: ExecutionContext): Response | Promise<Response>;
  scheduled?(event: ScheduledEvent, env: E, ctx: ExecutionContext): unknown;
  task?(payload: Payload, env: E, ctx: ExecutionContext): unknown;
  /** Handlers by the type of a task. */
  tasks?: Record<string, TaskHandler<E, Payload> | TaskEntry<E, Payload>>;
}

type TaskHandler<E = Env, Payload = any> = (payload: Payload, env: E, ctx: ExecutionContext) => unknown;

interface TaskEntry<E = Env, Payload = any> {
  handler: TaskHandler<E, Payload>;
  timeout?: number;
  maxAttempts?: number;
  retry?: { kind?: 'fixed' | 'linear' | 'exponential'; delay?: number; maxDelay?: number; factor?: number; jitter?: number };
}

interface ExecutionContext {
  /** Keeps the execution going until the promise is settled, within its limits. */
  waitUntil(promise: unknown): void;
  passThroughOnException(): void;
  isShuttingDown(): boolean;
  /** Aborted when the client leaves, and at drain. */
  readonly signal: AbortSignal;
  /** Which task this is, when the event is one. */
  readonly task: TaskInfo | undefined;
}

interface TaskInfo {
  readonly id: string;
  readonly type: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly key: string | null;
  readonly queue: string | null;
  readonly scheduledTime: number | null;
}

interface ScheduledEvent {
  readonly type: 'scheduled';
  readonly cron: string;
  /** Milliseconds since 1970. */
  readonly scheduledTime: number;
  readonly id: string;
}

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Response | Promise<Response>): void;
  waitUntil(promise: unknown): void;
}

interface TaskEvent extends Event {
  readonly taskId: string;
  readonly attempt: number;
  readonly payload: any;
  readonly scheduledTime: number | null;
  respondWith(result: unknown): void;
  waitUntil(promise: unknown): void;
}

interface ScheduledListenerEvent extends Event {
  readonly cron: string;
  readonly scheduledTime: number;
  waitUntil(promise: unknown): void;
}

interface GlobalEvents {
  error: ErrorEvent;
  fetch: FetchEvent;
  rejectionhandled: PromiseRejectionEvent;
  scheduled: ScheduledListenerEvent;
  task: TaskEvent;
  unhandledrejection: PromiseRejectionEvent;
}

declare function addEventListener<K extends keyof GlobalEvents>(
  type: K,
  listener: (event: GlobalEvents[K]) => any,
  options?: boolean | AddEventListenerOptions,
): void;
declare function addEventListener(type: string, listener: EventListenerOrObject | null, options?: boolean | AddEventListenerOptions): void;
declare function removeEventListener(type: string, listener: EventListenerOrObject | null, options?: boolean | EventListenerOptions): void;
declare function dispatchEvent(event: Event): boolean;
declare var onerror: ((message: string, source: string, line: number, column: number, error: any) => any) | null;
declare var onrejectionhandled: ((event: PromiseRejectionEvent) => any) | null;
declare var onunhandledrejection: ((event: PromiseRejectionEvent) => any) | null;

declare var self: typeof globalThis;

declare function queueMicrotask(callback: () => void): void;
declare function reportError(error: any): void;
declare function setTimeout<Args extends any[]>(handler: (...args: Args) => void, timeout?: number, ...args: Args): number;
declare function setInterval<Args extends any[]>(handler: (...args: Args) => void, timeout?: number, ...args: Args): number;
declare function clearTimeout(id?: number): void;
declare function clearInterval(id?: number): void;
declare function structuredClone<T>(value: T, options?: StructuredSerializeOptions): T;
declare function atob(data: string): string;
declare function btoa(data: string): string;

interface StructuredSerializeOptions {
  transfer?: Transferable[];
}

declare class Navigator {
  private constructor();
  /** `Isolane/` and a version. */
  readonly userAgent: string;
}
declare var navigator: Navigator;

interface Scheduler {
  wait(delay: number, options?: { signal?: AbortSignal }): Promise<void>;
}
declare var scheduler: Scheduler;

declare module 'node:async_hooks' {
  class AsyncLocalStorage<T> {
    static bind<F extends (...args: any[]) => any>(work: F): F;
    static snapshot(): <R, Args extends any[]>(work: (...args: Args) => R, ...args: Args) => R;
    getStore(): T | undefined;
    run<R, Args extends any[]>(store: T, work: (...args: Args) => R, ...args: Args): R;
    exit<R, Args extends any[]>(work: (...args: Args) => R, ...args: Args): R;
    enterWith(store: T): void;
    disable(): void;
  }
  class AsyncResource {
    constructor(type: string);
    runInAsyncScope<R, Args extends any[]>(work: (...args: Args) => R, self?: unknown, ...args: Args): R;
  }
}
