"""What of the library is public, as the site's reference has it."""

from minires.site.public import definitions, is_public, members, modules

__all__ = ["definitions", "is_public", "members", "modules"]
