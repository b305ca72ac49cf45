"""Makes what an isolate is born with: the V8 startup snapshot, the Web APIs in it, the code cache."""
