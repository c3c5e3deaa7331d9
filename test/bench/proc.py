# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What the kernel says that a process has taken."""
import re
from pathlib import Path


def cpu_seconds(pid):
    """CPU time of all threads that it has now; other work on the machine hardly changes it."""
    return sum(int(path.read_text().split()[0])
               for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def private_dirty(pid):
    """Bytes of memory that are the process's own."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * int(re.search(r"Private_Dirty:\s+(\d+) kB", text).group(1))


def loopback_bytes(pid):
    """All that passed the loopback of its network namespace, link headers included."""
    text = Path(f"/proc/{pid}/net/dev").read_text()
    return int(re.search(r"\blo:(.*)", text).group(1).split()[8])
