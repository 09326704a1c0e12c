"""Plays a power cut on the files of a killed server, from the journal that faulty_fs.cc kept.

What was synced stays. Of the rest: names (made, renamed, removed) are kept up to a random moment, as a journaling file
system does; bytes written behind a file's last sync are dropped, cut at a random byte, or kept and lost sector by sector.
A file stays as long as it was when it was synced: what is lost of zeros that were written over is zeros again.
"""
import collections
import os
import pathlib

SECTOR = 512


class PowerCut:
    def __init__(self, journal, data, choose):
        self.choose, self.data, self.lost = choose, pathlib.Path(data), []
        self.written = collections.defaultdict(list)  # inode -> (line, offset, size), not synced
        self.synced = collections.defaultdict(int)    # inode -> behind the last byte that was
        self.names = []                               # (kind, paths…) whose folder was not synced since
        for number, line in enumerate(pathlib.Path(journal).read_text().splitlines(), 1):
            self.take(number, line[0], line[2:])

    def take(self, number, kind, rest):
        if kind == "W":
            inode, offset, size = map(int, rest.split())
            self.written[inode].append((number, offset, size))
        elif kind == "S":
            inode, before = map(int, rest.split())
            self.synced[inode] = max([self.synced[inode], *(w[1] + w[2] for w in self.written[inode] if w[0] <= before)])
            self.written[inode] = [w for w in self.written[inode] if w[0] > before]
        elif kind == "L":  # as long as an earlier process left it, which counts as synced
            inode, size = map(int, rest.split())
            if inode not in self.written:
                self.synced[inode] = size
        elif kind == "C":
            inode, path = rest.split(" ", 1)
            self.synced.pop(int(inode), None)  # of a file that is gone
            self.names.append((number, kind, path))
        elif kind == "D":
            inode, before = map(int, rest.split())
            self.names = [n for n in self.names
                          if n[0] > before or os.stat(os.path.dirname(n[2])).st_ino != inode]
        else:
            self.names.append((number, kind, *rest.split("\t")))

    def play(self, how):
        """`how`: drop, torn or misordered. Answers what was lost, for the report."""
        keep = self.choose.randint(0, len(self.names)) if how != "drop" else 0
        inodes = {path.stat().st_ino: path for path in self.data.glob("**/*") if path.is_file()}
        for inode, writes in self.written.items():
            if writes and inode in inodes:
                self.lose_bytes(inodes[inode], writes, how, self.synced[inode])
        for _, kind, *paths in reversed(self.names[keep:]):
            self.lose_name(kind, paths)
        return self.lost

    def lose_bytes(self, path, writes, how, synced):
        start, end = min(w[1] for w in writes), max(w[1] + w[2] for w in writes)
        self.lost.append(f"{path.relative_to(self.data)}: {how} from {start} of {end}")
        cut = start if how == "drop" else self.choose.randint(start, end)
        size = path.stat().st_size
        os.truncate(path, min(cut, size))
        os.truncate(path, max(min(cut, size), min(synced, size)))
        if how == "misordered":
            with open(path, "r+b") as file:
                for sector in range(start // SECTOR * SECTOR, cut, SECTOR):
                    first, last = max(sector, start), min(sector + SECTOR, cut)
                    if self.choose.random() < 0.5 and last > first:
                        file.seek(first)
                        file.write(bytes(last - first))

    def lose_name(self, kind, paths):
        if kind == "C" and os.path.exists(paths[0]):
            os.unlink(paths[0])
        elif kind == "U" and paths[1] != "-" and not os.path.exists(paths[0]):
            os.link(paths[1], paths[0])
        elif kind == "R":
            source, target, saved, inode = paths
            if not os.path.exists(target) or os.stat(target).st_ino != int(inode):
                return  # it was noted, and then did not happen
            os.rename(target, source)
            if saved != "-" and not os.path.exists(target):
                os.link(saved, target)
        self.lost.append(f"{kind} {os.path.basename(paths[0])}")
