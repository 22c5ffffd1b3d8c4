"""pyslurm/__init__.py does this first, for all later imports of the process."""

import os
import sys

sys.setdlopenflags(sys.getdlopenflags() | os.RTLD_GLOBAL | os.RTLD_DEEPBIND)
