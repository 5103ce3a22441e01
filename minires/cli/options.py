"""Options that are the fields of a configuration: `minires train` and `minires detect train` have many."""

import contextlib
import functools


def group(parser, title):
    """Return the function that adds an option to a new group of the help; its default is always None."""
    return functools.partial(parser.add_argument_group(title).add_argument, default=None)


def default(base, name, kinds):
    """Return the default of an option as text in brackets.

    base: the configuration of the defaults; name: of its field; kinds: {kind: {field: value}}, what differs.
    """
    others = [f"{kind} {_word(values[name])}" for kind, values in kinds.items() if name in values]
    return f"({'; '.join([_word(getattr(base, name)), *others])})"


def _word(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(f"{each:g}" for each in value) or "as they are"
    return str(value)


def choices_of(arguments, record):
    """Return {field: value} of the options that were given and are fields of a configuration's class."""
    fields = record.__dataclass_fields__
    return {name: value for name, value in vars(arguments).items() if name in fields and value is not None}


@contextlib.contextmanager
def named_as_options(record, **others):
    """Let a ValueError about a field of a configuration's class name the option instead.

    An option is called as its field, but for hyphens. others: {field: option} where it is not.
    """
    try:
        yield
    except ValueError as error:
        field, colon, rest = str(error).partition(":")
        if field not in record.__dataclass_fields__:
            raise
        raise ValueError(f"--{others.get(field, field).replace('_', '-')}{colon}{rest}") from error
