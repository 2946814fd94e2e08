"""The development stack: embedded services, the processes of the Procfile, the receiving mail server."""
