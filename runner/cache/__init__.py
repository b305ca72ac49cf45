"""The Cache API's entries: in this process's memory, for as long as they are fresh and there is room."""
