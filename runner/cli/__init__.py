"""The command line. One module per command, imported when it is the one."""
