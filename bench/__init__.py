"""How long the verbs take and what the anchor weighs, beside the distribution's C ``scrun``.

``python -m bench`` starts a test cluster of its own, installs this checkout, lets both runtimes
serve the same containers in turn, and prints medians and ratios. docs/performance.md tells what
the figures mean. ``bench.inside`` is the part that runs in the cluster: standard library only.
"""
