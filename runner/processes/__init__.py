"""Several runner processes of one ``serve``: shares of what is to be had, a supervisor, one control listener for all."""
