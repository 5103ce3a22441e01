"""The web site: lessons, exercises, API and moving pictures."""
