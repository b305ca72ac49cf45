// What `env` leads to: `[[kv]]`, `[[storage]]`, `[[databases]]`, `[[services]]`, `[[tasks]]`, `[[tasks]]` and `[assets]` of a worker.toml.

interface KvNamespace {
  /** The value of `key`, or null. */
  get<T = any>(key: string, options?: 'json' | { type?: 'json' }): Promise<T | null>;
  get(key: string, options: 'text' | { type: 'text' }): Promise<string | null>;
  /** Keeps what JSON can express, for `expiresIn` seconds or until it is deleted. */
  put(key: string, value: unknown, options?: KvPutOptions): Promise<void>;
  set(key: string, value: unknown, options?: KvPutOptions): Promise<void>;
  /** Whether there was a value. */
  delete(key: string): Promise<boolean>;
  /** Keys in the order of their characters; `cursor` leads to those that follow, if it is not null. */
  list(options?: { prefix?: string; limit?: number; cursor?: string | null }): Promise<string[] & { readonly cursor: string | null }>;
}

interface KvPutOptions {
  expiresIn?: number;
  expirationTtl?: number;
}

interface StorageBucket {
  /** The text of an object; with options, the object; null when there is none. */
  get(key: string): Promise<string | null>;
  get(key: string, options: { range?: StorageRange | string }): Promise<StorageObject | null>;
  /** What is known of an object; rejects when there is none. */
  head(key: string): Promise<StorageObjectInfo>;
  put(
    key: string,
    value: string | BufferSource | Blob | ReadableStream<Uint8Array>,
    options?: { contentType?: string; metadata?: Record<string, string> },
  ): Promise<{ key: string; etag: string }>;
  delete(key: string): Promise<void>;
  list(options?: { prefix?: string; limit?: number; cursor?: string | null; delimiter?: string }): Promise<StoragePage>;
  /** An object as a Response; of a URL, the path is the key. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
}

type StorageRange = { offset?: number; length?: number } | { suffix: number };

interface StorageObjectInfo {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly contentType: string;
  /** ISO 8601. */
  readonly uploaded: string;
  readonly metadata: Record<string, string>;
}

interface StorageObject extends StorageObjectInfo {
  readonly body: ReadableStream<Uint8Array>;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  json<T = any>(): Promise<T>;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
  blob(): Promise<Blob>;
}

interface StoragePage {
  keys: string[];
  truncated: boolean;
  cursor: string | null;
  objects: { key: string; size: number; etag: string; uploaded: string }[];
  prefixes: string[];
}

interface Database extends DatabaseTransaction {
  /** Committed when the promise of `work` is fulfilled, else rolled back. */
  transaction<T>(work: (tx: DatabaseTransaction) => Promise<T>): Promise<T>;
}

interface DatabaseTransaction {
  /** The rows of one statement, or `{rowsAffected}` of one that gives none; `$1` is the first of `params`. */
  query<Row = Record<string, any>>(sql: string, params?: readonly unknown[]): Promise<Row[] & { readonly rowsAffected?: number }>;
}

/** Another worker, or the static files of this one. */
interface Fetcher {
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
}

/** Durable tasks of one worker. */
interface TaskQueue {
  /** Enqueues a task for the handler of `type`, or for the worker's `task` without one. */
  enqueue(type?: string | null, payload?: unknown, options?: TaskOptions): Promise<EnqueuedTask>;
  /** Up to 100 tasks, all or none. */
  enqueueMany(tasks: readonly (TaskOptions & { type?: string | null; payload?: unknown })[]): Promise<EnqueuedTask[]>;
  get<T = any>(id: string): Promise<QueuedTask<T> | null>;
  /** Ends a task that has not ended, also one that runs. */
  cancel(id: string, reason?: string): Promise<QueuedTask>;
  /** Lets a task that failed or was cancelled run again. */
  retry(id: string, options?: { resetAttempts?: boolean }): Promise<QueuedTask>;
}

/** Times are in milliseconds. */
interface TaskOptions {
  queue?: string;
  /** While a task with this key is live, enqueueing it again gives that one. */
  key?: string;
  idempotencyKey?: string;
  concurrencyKey?: string;
  /** Higher comes first; -100 to 100. */
  priority?: number;
  maxAttempts?: number;
  timeout?: number;
  delay?: number;
  scheduledAt?: Date | string | number;
  retry?: { kind?: 'fixed' | 'linear' | 'exponential'; delay?: number; maxDelay?: number; factor?: number; jitter?: number };
}

interface EnqueuedTask {
  readonly id: string;
  /** False when the key led to a task that is live. */
  readonly created: boolean;
}

/** Times are ISO 8601. */
interface QueuedTask<T = any> {
  readonly id: string;
  readonly type: string | null;
  readonly queue: string;
  readonly key: string | null;
  readonly status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | 'paused';
  readonly priority: number;
  readonly payload: any;
  readonly result: T | null;
  readonly error: string | null;
  readonly attempts: number;
  readonly maxAttempts: number | null;
  readonly scheduledAt: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
}
