"""The web site: the lessons, the exercises and the API, as plain files; with Pyodide beside them, live."""
