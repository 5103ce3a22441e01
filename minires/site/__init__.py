"""The web site: the lessons, the exercises and the reference of the library, as plain files."""
