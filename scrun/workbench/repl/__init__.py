"""``scrun lua repl``: Lua at a prompt, with the live ``slurm`` table of a site's script.

`session` is the state and what is asked of it, `terminal` and `history` the line editor, `loop`
the conversation. The state is made by `scrun.lua`, as for a container.
"""
