"""Arrows between rooms point down only, header-only use included: what a room includes, its CMake line declares."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
# Third-party headers that one room alone may see, and the files that may.
ONLY_IN = {"rocksdb/": "storage/rocksdb/", "curl/": "fetch/", "yaml-cpp/": ("agreement/", "server/config"), "zstd": "evidence/compress",
           "js/": "sealed/worker/", "jsapi.h": "sealed/worker/", "seccomp.h": "sealed/worker/"}


def rooms():
    found = {}
    for line in (SOURCE / "CMakeLists.txt").read_text().splitlines():
        match = re.match(r"[\s#]*holdfast_(?:room|headers|program)\((\w+)(?: PLAIN)?(?: DIR (\S+))?(?: USES ([^)]*?))?(?: LIBS .*)?\)", line)
        if match:
            name, folder, uses = match.groups()
            found[name] = (folder or name, set((uses or "").split()))
    return found


def main():
    declared = rooms()
    folder_of = {folder: name for name, (folder, _) in declared.items()}
    problems = []
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        here = path.relative_to(SOURCE)
        room = folder_of.get(str(here.parent))
        if here.parent.name == "testing":
            continue
        if room is None:
            problems.append(f"{here}: lies in no declared room")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#include ["<]([^">]+)[">]', line)
            if not match:
                continue
            target = match.group(1)
            other = folder_of.get(str(pathlib.PurePath(target).parent))
            test = re.search(r"_(test|fuzz|bench)\.(cc|h)$", here.name)
            if other and other != room and other not in declared[room][1] and not test:
                problems.append(f"{here}:{number}: {room} does not declare that it uses {other}")
            for prefix, allowed in ONLY_IN.items():
                if target.startswith(prefix) and not str(here).startswith(allowed):
                    problems.append(f"{here}:{number}: {target} is not for this file")
    print("\n".join(problems) or f"{len(declared)} rooms, all includes declared")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
