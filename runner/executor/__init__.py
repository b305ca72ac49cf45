"""Tasks as JavaScript: a claimed row, a message or a script becomes an execution, and its outcome a result."""
