"""One module per raw format; its class ``Reader`` is what ``reader: NAME`` in a YAML stands for."""
