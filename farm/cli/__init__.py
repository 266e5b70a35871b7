"""The command line: `app` holds every command's signature, the modules beside it do the work."""
