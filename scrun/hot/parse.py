"""From argv to a `Command`, for what engines send; anything else is click's to explain.

The grammar: ``[GLOBAL OPTIONS] VERB [OPTIONS] [ID [OPERANDS]]``. Options: ``--name value``,
``--name=value``, ``-nvalue``, flags together (``-vv``); ``--`` ends them. They may follow operands.
"""

from scrun.hot.options import (
    COUNT,
    FLAG,
    GLOBAL,
    LIST,
    OPTIONAL,
    QUICK,
    REST,
    VALUE,
    Option,
    find_option,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    Value = str | int | bool | list[str]

_TRUE = ("true", "1", "yes")
_FALSE = ("false", "0", "no")


class Command:
    """A verb as the caller gave it.

    Attributes:
        verb: its name.
        globals: root, slurm_conf, log, log_format (str), debug (True), verbose (int), if given.
        options: of the verb, by key (see `scrun.hot.options`), if given: flags True, others str;
            preserve_fds is "" when it came without a number; of LIST options a list.
        operands: the container ID, if the verb has one, and what follows it.
        ignored: spellings of the options that were accepted and have no effect.
    """

    __slots__ = ("globals", "ignored", "operands", "options", "verb")

    def __init__(
        self,
        verb: str,
        globals: "dict[str, Value]",
        options: "dict[str, Value]",
        operands: list[str],
        ignored: list[str] | None = None,
    ) -> None:
        self.verb = verb
        self.globals = globals
        self.options = options
        self.operands = operands
        self.ignored = ignored or []


def parse(argv: list[str]) -> "Command | None":
    """Return the command in ``argv`` (without the program's name); None: click must look at it.

    None means a request for help, a mistake, or a command that is not a runtime verb.
    """
    globals: dict[str, Value] = {}
    options: dict[str, Value] = {}
    ignored: list[str] = []
    words = argv[::-1]  # a stack: pop() is the next word
    while words and words[-1].startswith("-"):
        if not take_option(words, GLOBAL, globals, ignored):
            return None
    name = words.pop() if words else ""
    verb = QUICK.get(name)
    if verb is None:
        from scrun.hot.verbs import VERBS  # a tenth of a millisecond, for the rarer ones

        verb = VERBS.get(name)
    if verb is None:
        return None
    operands: list[str] = []
    while words:
        word = words[-1]
        if word == "--" and not (operands and verb.most == REST):
            words.pop()
            operands += words[::-1]
            break
        if word.startswith("-") and word != "-" and not (operands and verb.most == REST):
            if not take_option(words, verb.options, options, ignored):
                return None
        else:
            operands.append(words.pop())
    count = len(operands)
    if count < verb.least or (verb.most != REST and count > verb.most):
        return None
    return Command(name, globals, options, operands, ignored)


def take_option(
    words: list[str],
    table: tuple[Option, ...],
    values: "dict[str, Value]",
    ignored: list[str],
) -> bool:
    """Take one option (one word, or two) off the stack of words; False when it is not plain.

    Not plain: not in ``table``, without its value, with a bad one, or a request for help. Words are
    in reverse, and those taken are gone either way. ``values`` gets the value by the option's key,
    ``ignored`` the spelling of an option that has none.
    """
    word = words.pop()
    given: str | None = None
    if word.startswith("--"):
        name, equals, rest = word.partition("=")
        if equals:
            given = rest
    else:
        name = word[:2]
        given = word[2:] or None
    option = find_option(table, name)
    if option is None:
        return False
    value: Value
    kind = option.kind
    if kind in (VALUE, LIST):
        if given is None:
            if not words:
                return False
            given = words.pop()
        value = given
        if kind == LIST:
            earlier = values.get(option.key, [])
            assert isinstance(earlier, list)
            value = [*earlier, given]
    elif kind == OPTIONAL:
        # A number is the value only if a word follows it: the last word is the container ID.
        if given is None and len(words) > 1 and words[-1].isdecimal():
            given = words.pop()
        if given and not given.isdecimal():
            return False
        value = given or ""
    elif kind in (FLAG, COUNT):
        value = True
        if given is not None:
            if word.startswith("--"):  # Go's spelling: --force=true
                if given not in _TRUE and given not in _FALSE:
                    return False
                value = given in _TRUE
            else:
                words.append("-" + given)  # -vv: the rest is looked at next
        if kind == COUNT:
            count = values.get(option.key, 0)
            assert isinstance(count, int)
            value = count + value
    else:
        return False
    if option.key:
        values[option.key] = value
    else:
        ignored.append(name)
    return True
