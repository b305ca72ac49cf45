-- A binding that lets a worker enqueue tasks; its value is the id of the worker that executes them.
ALTER TYPE enum_binding_type ADD VALUE IF NOT EXISTS 'tasks';
