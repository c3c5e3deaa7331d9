#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""The rules of the house that no compiler checks.

usage: tidy.py SOURCE_ROOT [ARCHIVE.a ...]

Looks at the sources: include direction between folders, libraries behind their walls, sizes,
licence lines (also of scripts, templates and build files), banned calls, leftovers, files that the
pages name. Looks at the archives: the pure libraries call no
allocator, clock, socket, file or thread, and no library holds mutable globals. Prints one line a
fault (path:line: what) and exits 1 if there was any.
"""
import re
import subprocess
import sys
from pathlib import Path

FOLDERS = ("gossip", "ipamdb", "store", "overlay", "daemon", "cli", "test", "packaging")

# Layer -> the layers it may include. The first matching folder names a file's layer.
LAYER_FOLDERS = (
    ("gossip/base/", "base"),
    ("gossip/", "gossip"),
    ("ipamdb/", "ipamdb"),
    ("store/", "store"),
    ("overlay/", "overlay"),
    ("daemon/node/", "node"),
    ("daemon/netns/", "netns"),
    ("daemon/", "daemon"),
    ("cli/", "cli"),
)
MAY_INCLUDE = {
    "base": {"base"},
    "gossip": {"base", "gossip"},
    "ipamdb": {"base", "gossip", "ipamdb"},
    "store": {"base", "store"},
    "overlay": {"base", "overlay"},
    "node": {"base", "gossip", "ipamdb", "node"},
    "netns": {"base", "netns"},
    "daemon": {"base", "gossip", "ipamdb", "store", "overlay", "node", "netns", "daemon"},
    "cli": {"base", "cli"},
}

# Header of a library -> the files that may include it, by the beginning of their path.
WALLS = (
    (r"sodium", ("gossip/trust/crypto_sodium.c",)),
    (r"msgpack", ("gossip/base/pack.c",)),
    (r"sqlite3", ("store/",)),
    (r"netlink/|linux/(rtnetlink|netlink|if_link|neighbour|nexthop)", ("overlay/", "daemon/netns/")),
    (r"nftables/", ("overlay/",)),
    (r"uv\.h|microhttpd|cyaml/|systemd/", ("daemon/",)),
    (r"jansson", ("daemon/", "cli/")),
)
PURE_LAYERS = {"base", "gossip", "ipamdb", "node"}
IMPURE_HEADERS = re.compile(
    r"(time|sys/time|sys/socket|pthread|threads|fcntl|unistd|signal|uv|sys/epoll|poll)\.h$")

# Files besides C that are written by hand and can carry a comment.
TEXT_SUFFIXES = (".py", ".sh", ".sql", ".in", ".md", ".pml", ".cfg", ".postinst", ".postrm")
TEXT_NAMES = ("CMakeLists.txt", "Makefile", "rules", "run")
# What stands in no folder of the house's, besides its pages.
AT_THE_ROOT = ("CMakeLists.txt", "Makefile", ".ci/run", ".clang-format", ".clang-tidy",
               ".editorconfig", ".gitignore")

C_LINES_MAX = 500
H_LINES_MAX = 120
# The states of the core's machines, and the kits of tests, are longer.
H_LINES_MAX_LARGE = 150
LARGE_HEADERS = ("gossip/", "ipamdb/", "daemon/node/", "test/")
FUNCTION_LINES_MAX = 70

BANNED_CALLS = re.compile(
    r"\b(strcpy|stpcpy|strcat|sprintf|vsprintf|strtok|rand|srand|gets|atoi|atol|atoll|alloca"
    r"|msgpack_unpack\w*)\s*\(")
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

# What the pure libraries must not call; file -> the names that it alone may.
IMPURE_CALLS = re.compile(
    r"^(malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf|aligned_alloc"
    r"|posix_memalign|mmap|munmap|clock|clock_\w+|gettimeofday|time|localtime\w*|gmtime\w*|nanosleep"
    r"|usleep|sleep|socket|bind|connect|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg"
    r"|open|open64|openat|openat64|fopen|fopen64|read|write|close|pthread_\w+|thrd_\w+|mtx_\w+"
    r"|getenv|secure_getenv|getrandom|getentropy|rand|random|printf|fprintf|vprintf|vfprintf|puts"
    r"|fputs|fputc|putchar|fwrite|stdout|stderr|abort|exit|_exit)$")
IMPURE_CALLS_ALLOWED = {
    "page_mmap.c.o": {"mmap", "munmap"},
    "check.c.o": {"fprintf", "stderr", "abort"},
}
PURE_ARCHIVES = {"libweft-base.a", "libweft-gossip.a", "libweft-ipamdb.a", "libweft-node.a"}


def layer_of(path):
    for folder, layer in LAYER_FOLDERS:
        if path.startswith(folder):
            return layer
    return None


def without_comments_and_strings(text):
    """The code alone, in the same lines."""
    token = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group()) if match.group()[0] == "/" else '""'

    return token.sub(blank, text)


def check_includes(root, path, lines, fault):
    layer = layer_of(path)
    if layer is None:
        return
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        kind, name = match.groups()
        if kind == '"':
            beside = (root / path).parent / name
            target = beside if beside.exists() else root / name
            if not target.exists():
                fault(path, number, f'"{name}" is neither beside this file nor under the root')
                continue
            other = layer_of(target.resolve().relative_to(root).as_posix())
            if other not in MAY_INCLUDE[layer]:
                fault(path, number, f"{layer} must not include {name} ({other or 'no layer'})")
            continue
        for header, homes in WALLS:
            if re.match(header, name) and not path.startswith(homes):
                fault(path, number, f"<{name}> belongs to {', '.join(homes)}")
        if layer in PURE_LAYERS and IMPURE_HEADERS.match(name):
            fault(path, number, f"<{name}> in {layer}, which has no clock, socket, file or thread")
        if layer == "node" and re.match(r"uv\.h|microhttpd|jansson|cyaml|systemd", name):
            fault(path, number, f"<{name}> in the pure composition")


def check_size(path, lines, fault):
    limit = C_LINES_MAX
    if path.endswith(".h"):
        is_large = path.startswith(LARGE_HEADERS) and layer_of(path) != "base"
        limit = H_LINES_MAX_LARGE if is_large else H_LINES_MAX
    if len(lines) > limit:
        fault(path, len(lines), f"{len(lines)} lines, at most {limit}")


def check_functions(path, code, fault):
    """In this style only a function's body stands between braces alone in the first column."""
    start = None
    for number, line in enumerate(code, 1):
        if line.rstrip() == "{":
            start = number
        elif line.rstrip() == "}" and start is not None:
            body = number - start - 1
            if body > FUNCTION_LINES_MAX:
                fault(path, start, f"a function of {body} lines, at most {FUNCTION_LINES_MAX}")
            start = None


def check_licence(path, lines, fault):
    head = "\n".join(lines[:4])
    if "SPDX-License-Identifier: Apache-2.0" not in head:
        fault(path, 1, "no SPDX-License-Identifier: Apache-2.0 in the first lines")
    elif "Copyright The weft authors" not in head:
        fault(path, 1, "no Copyright The weft authors in the first lines")


def check_code(path, code, fault):
    for number, line in enumerate(code, 1):
        match = BANNED_CALLS.search(line)
        if match:
            fault(path, number, f"{match.group(1)} is banned")


def check_leftovers(path, lines, fault):
    for number, line in enumerate(lines, 1):
        match = LEFTOVERS.search(line)
        if match:
            fault(path, number, f"{match.group(1)} left behind: finish it or open an issue")


def check_page(root, path, lines, fault):
    """Files that a page names are there."""
    for number, line in enumerate(lines, 1):
        for name in re.findall(r"[`(]((?:%s)/[\w./-]*[\w/])[`)]" % "|".join(FOLDERS), line):
            if not (root / name).exists():
                fault(path, number, f"{name} does not exist")


def sources(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix(), path
    pages = [page.name for page in sorted(root.glob("*.md"))]
    for name in (*AT_THE_ROOT, *pages):
        if (root / name).is_file():
            yield name, root / name


def check_sources(root, fault):
    for path, file in sources(root):
        is_c = path.endswith((".c", ".h"))
        is_text = file.suffix in TEXT_SUFFIXES or file.name in TEXT_NAMES or path in AT_THE_ROOT
        if not is_c and not is_text:
            continue
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        check_licence(path, lines, fault)
        if not path.startswith("test/tidy/"):
            check_leftovers(path, lines, fault)
        if not is_c:
            continue
        code = without_comments_and_strings(text).splitlines()
        check_includes(root, path, lines, fault)
        check_size(path, lines, fault)
        check_functions(path, code, fault)
        check_code(path, code, fault)
        if path.endswith(".h") and "#pragma once" not in lines:
            fault(path, 1, "a header without #pragma once")


def check_pages(root, fault):
    for file in sorted(root.glob("*.md")):
        check_page(root, file.name, file.read_text(encoding="utf-8").splitlines(), fault)


def symbols(archive):
    """(object, name, class, section) of every symbol, by nm's System V table."""
    table = subprocess.run(["nm", "-f", "sysv", archive], check=True, capture_output=True,
                           text=True).stdout
    member = None
    for line in table.splitlines():
        match = re.match(r"(?:Undefined symbols|Symbols) from \S*?([^/\[\]\s]+?)\]?:$", line)
        if match:
            member = match.group(1)
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 7 and cells[0] != "Name":
            yield member, cells[0], cells[2], cells[6]


def plain_name(name):
    """The function behind a fortified or versioned symbol."""
    name = name.split("@")[0]
    match = re.match(r"__(\w+?)(_chk|_2|64_2)$", name)
    return match.group(1) if match else name


def check_archive(archive, fault):
    is_pure = Path(archive).name in PURE_ARCHIVES
    members = set()
    for member, name, kind, section in symbols(archive):
        members.add(member)
        where = f"{Path(archive).name}({member})"
        if kind in "BbDdCSsGg" and not section.startswith(".data.rel.ro"):
            fault(where, 0, f"{name} is a mutable global (section {section or 'common'})")
        if is_pure and kind == "U":
            plain = plain_name(name)
            if IMPURE_CALLS.match(plain) and plain not in IMPURE_CALLS_ALLOWED.get(member, ()):
                fault(where, 0, f"calls {plain}, which a pure library must not")
    if None in members or not members:
        fault(archive, 0, "nm's table was not understood")


def main(argv):
    if len(argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    faults = []

    def fault(path, line, what):
        faults.append(f"{path}:{line}: {what}" if line else f"{path}: {what}")

    root = Path(argv[1]).resolve()
    check_sources(root, fault)
    check_pages(root, fault)
    for archive in argv[2:]:
        check_archive(archive, fault)
    for line in faults:
        print(line)
    print(f"tidy: {len(faults)} faults" if faults else "tidy: clean")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
