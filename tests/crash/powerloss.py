# SPDX-License-Identifier: Apache-2.0
"""What a disk holds after a power cut, and a page of faults for a running program: the other half of powerloss.c.

A program runs with the shim on a directory of which a copy was made before. Then

    disk = Disk(copy)
    disk.replay(journal)
    disk.cut(random.Random(seed), directory)

makes of `directory` one of the disks that the cut could have left: what was synced, and of each 512 bytes that
were written later the last synced state or any later one, of each name likewise. What must be there is:

- a write whose descriptor was synced after it (fsync, fdatasync, msync; sync_file_range does not count), or that
  was made through a descriptor with O_DSYNC or O_SYNC, once that call had returned;
- the name of a new file, once the file or its directory was synced, as on ext4, XFS and btrfs; a renaming or removal
  once the directory was. What of these is not synced happens up to a random point of their order, as in the journal
  of a file system.

A sync that failed leaves what it should have synced in doubt for ever: Linux takes such pages for clean, and a later
sync that succeeds says nothing about them. Only writing it again helps.
"""
import mmap
import os
import re
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SECTOR = 512
HEAD = struct.Struct("<IIqQII")
MAGIC = 0x4C57504E
HOW = ("none", "all", "writes", "sectors", "late", "one torn")     # what of the unsynced has reached the disk


def build_dir():
    return os.environ.get("NIGHTJAR_BUILD", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "release"))


def built(name):
    return os.path.join(build_dir(), "tests", "crash", name)


SHIM = built("powerloss.so")


class Control:
    """The page of powerloss.h: its fields are attributes."""

    FIELDS = ("steps", "kill_at", "writes", "shorts", "syncs", "sync_numbers",
              "write_from", "write_count", "write_errno", "short_from", "short_count", "short_unused",
              "sync_from", "sync_count", "sync_errno", "is_fast", "wall_offset_ns", "allocations",
              "allocation_from", "allocation_count", "allocation_errno", "allocation_every", "allocations_failed")

    def __init__(self, path):
        with open(path, "wb") as f:
            f.write(bytes(4096))
        with open(path, "r+b") as f:
            self.__dict__["page"] = mmap.mmap(f.fileno(), 4096)
        self.__dict__["path"] = path

    def __getattr__(self, name):
        return struct.unpack_from("<q", self.page, 8 * self.FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("<q", self.page, 8 * self.FIELDS.index(name), value)

    def fail(self, what, number=0, after=0, count=1 << 62):
        """Let calls of this kind (write, short, sync, allocation) fail with errno `number`, once `after` more
        of them have been made."""
        counter = {"write": "writes", "short": "shorts", "sync": "syncs", "allocation": "allocations"}[what]
        setattr(self, what + "_count", count)
        setattr(self, what + ("_unused" if what == "short" else "_errno"), number)
        setattr(self, what + "_from", getattr(self, counter) + after + 1)

    def heal(self):
        for what in ("write", "short", "sync", "allocation"):
            setattr(self, what + "_from", 0)
        self.allocation_every = 0


def environment(directory, journal=None, control=None):
    env = {"LD_PRELOAD": SHIM, "POWERLOSS_DIR": directory}
    if journal:
        env["POWERLOSS_JOURNAL"] = journal
    if control:
        env["POWERLOSS_CONTROL"] = control.path
    return env


# ---------------------------------------------------------------------------- the journal

class Torn(Exception):
    """The journal has a hole; it proves nothing."""


def records(path):
    """(kind, name, at, when in ns, data) of each whole record. The last may be cut off with its writer."""
    with open(path, "rb") as f:
        data = memoryview(f.read())
    at = 0
    while at + HEAD.size <= len(data):
        magic, kind, when, where, path_bytes, data_bytes = HEAD.unpack_from(data, at)
        if magic != MAGIC:
            raise Torn(f"{path}: no record at {at} of {len(data)}")
        body = at + HEAD.size
        at = body + path_bytes + data_bytes
        if at > len(data):
            return
        name = bytes(data[body:body + path_bytes]).decode()
        yield chr(kind), name, where, when, data[body + path_bytes:at]


# ------------------------------------------------------------------------------- the disk

class Write:
    def __init__(self, at, data, length=None):
        self.at, self.data, self.length = at, data, length      # a length: the file was cut or grown to it
        self.is_safe = self.is_doubtful = False

    def apply(self, to):
        if self.length is not None:
            del to[self.length:]
            to.extend(bytes(self.length - len(to)))
            return
        end = self.at + len(self.data)
        if len(to) < end:
            to.extend(bytes(end - len(to)))
        to[self.at:end] = self.data


class File:
    def __init__(self, data=b"", is_named=True):
        self.safe = bytearray(data)                       # what must be there
        self.writes = []                                  # since then, in their order
        self.is_named = is_named                          # its name is on the disk
        self.syncs = {}                                   # number -> how many writes there were

    def settle(self):
        """What is safe, and has nothing unsafe before it, need not be told apart any more."""
        done = 0
        while done < len(self.writes) and self.writes[done].is_safe:
            self.writes[done].apply(self.safe)
            done += 1
        if done:
            del self.writes[:done]
            self.syncs = {n: max(0, count - done) for n, count in self.syncs.items()}

    def now(self):
        """As the running system shows it."""
        data = bytearray(self.safe)
        for w in self.writes:
            w.apply(data)
        return data

    def cut(self, dice, how):
        """One of the states that a power cut may leave, and how many of its sectors were in doubt."""
        cache, out = bytearray(self.safe), bytearray(self.safe)
        last_safe = max((i for i, w in enumerate(self.writes) if w.is_safe), default=-1)
        kept_writes = dice.random()
        states, safe_state = {}, {}                       # sector -> what it was after each write to it
        for i, w in enumerate(self.writes):
            if w.length is not None and not w.is_safe and i > last_safe and not self.keeps(dice, how, kept_writes):
                continue
            w.apply(cache)
            if w.length is not None:
                if w.length < len(out):
                    del out[w.length:]
                elif w.is_safe or i < last_safe or how != "none":
                    out.extend(bytes(w.length - len(out)))
                states = {s: v for s, v in states.items() if s * SECTOR < w.length}
                continue
            is_kept = how == "all" or (how != "none" and self.keeps(dice, how, kept_writes))
            for s in range(w.at // SECTOR, -(-(w.at + len(w.data)) // SECTOR)):
                states.setdefault(s, []).append((bytes(cache[s * SECTOR:(s + 1) * SECTOR]), is_kept))
                if w.is_safe:
                    safe_state[s] = len(states[s]) - 1
        torn = dice.choice(sorted(states)) if states and how == "one torn" else None
        doubtful = 0
        for s, versions in states.items():
            least = safe_state.get(s, -1)
            doubtful += least < len(versions) - 1
            chosen = self.choose(dice, how, versions, least, s == torn)
            if chosen >= 0:
                Write(s * SECTOR, versions[chosen][0]).apply(out)
        return out, doubtful

    @staticmethod
    def keeps(dice, how, share):
        return how in ("all", "one torn", "sectors") or (how != "none" and dice.random() < share)

    @staticmethod
    def choose(dice, how, versions, least, is_torn):
        """The index of a version, at least `least`; -1: what was safe."""
        if how == "one torn":
            return max(least, -1 if is_torn else len(versions) - 1)
        if how == "sectors":
            return dice.randint(least, len(versions) - 1)
        kept = [i for i, (_, is_kept) in enumerate(versions) if is_kept and i > least]
        return kept[-1] if kept else least


class Disk:
    """A directory: files by name, and what has been done to the names since they were last safe."""

    def __init__(self, directory=None):
        self.files = {}                                   # as the running system shows them
        self.safe_names = {}                              # as the disk has them
        self.names = []                                   # ("rename", from, to) and ("unlink", name), not safe yet
        self.longest_commit_ns = self.ended_ns = 0
        self.unsynced_since_ns = None
        self.syncs = self.failed_syncs = 0
        for folder, _, names in os.walk(directory) if directory else ():
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        self.files[os.path.relpath(path, directory)] = File(f.read())
        self.safe_names.update(self.files)

    def file(self, name):
        if name not in self.files:
            self.files[name] = self.safe_names[name] = File(is_named=False)
        return self.files[name]

    def replay(self, journal):
        on = {"W": self.on_write, "V": self.on_written, "T": self.on_truncate, "B": self.on_begin, "E": self.on_end,
              "F": self.on_failure, "D": self.on_folder_begin, "R": self.on_rename, "U": self.on_unlink}
        for kind, name, at, when, data in records(journal):
            on[kind](name, at, when, data)
            self.ended_ns = when
        return self

    def on_write(self, name, at, when, data):
        self.file(name).writes.append(Write(at, bytes(data)))
        if self.unsynced_since_ns is None:
            self.unsynced_since_ns = when

    def on_written(self, name, at, when, _):
        """The O_DSYNC write that began last at this place is safe."""
        f = self.file(name)
        next(w for w in reversed(f.writes) if w.at == at and not w.is_safe).is_safe = True
        f.is_named = True
        f.settle()
        self.synced(when)

    def synced(self, when):
        self.syncs += 1
        if self.unsynced_since_ns is not None:
            self.longest_commit_ns = max(self.longest_commit_ns, when - self.unsynced_since_ns)
            self.unsynced_since_ns = None

    def on_truncate(self, name, length, _, __):
        self.file(name).writes.append(Write(0, b"", length))

    def on_begin(self, name, number, _, __):
        self.file(name).syncs[number] = len(self.file(name).writes)

    def on_end(self, name, number, when, _):
        if number in self.folder_syncs:
            self.settle_names(self.folder_syncs.pop(number))
            return
        f = self.file(name)
        for w in f.writes[:f.syncs.pop(number, 0)]:
            w.is_safe = w.is_safe or not w.is_doubtful
        f.is_named = True
        f.settle()
        self.synced(when)

    def on_failure(self, name, number, _, __):
        self.failed_syncs += 1
        if self.folder_syncs.pop(number, None) is None:
            f = self.file(name)
            for w in f.writes[:f.syncs.pop(number, 0)]:
                w.is_doubtful = not w.is_safe

    folder_syncs = {}

    def on_folder_begin(self, name, number, _, __):
        self.folder_syncs = {**self.folder_syncs, number: (name, len(self.names))}

    def settle_names(self, begun):
        folder, count = begun
        for op in self.names[:count]:
            self.apply_name(self.safe_names, op)
        del self.names[:count]
        self.folder_syncs = {n: (f, max(0, c - count)) for n, (f, c) in self.folder_syncs.items()}
        for name, f in self.safe_names.items():
            if os.path.dirname(name) == folder:
                f.is_named = True

    def on_rename(self, name, _, __, data):
        op = "rename", name, bytes(data).decode()
        if name in self.files:
            self.names.append(op)
            self.apply_name(self.files, op)

    def on_unlink(self, name, _, __, ___):
        op = "unlink", name, None
        self.names.append(op)
        self.apply_name(self.files, op)

    @staticmethod
    def apply_name(names, op):
        what, name, to = op
        f = names.pop(name, None)
        if what == "rename" and f is not None:
            names[to] = f

    def see(self, directory):
        """What lies there now and no record tells of (a mapped file, stdio): written, and never synced."""
        for name, f in self.files.items():
            path = os.path.join(directory, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as real_file:
                real = real_file.read()
            told = f.now()
            for at in range(0, len(real), SECTOR) if real != told else ():
                if real[at:at + SECTOR] != told[at:at + SECTOR]:
                    f.writes.append(Write(at, real[at:at + SECTOR]))

    def cut(self, dice, directory, how=None):
        """Replace what is in the directory by what the cut has left. Says how much was in doubt."""
        how = how or dice.choice(HOW)
        names = dict(self.safe_names)
        for op in self.names[:{"none": 0, "all": len(self.names)}.get(how, dice.randint(0, len(self.names)))]:
            self.apply_name(names, op)
        empty(directory)
        doubtful = 0
        for name, f in sorted(names.items()):
            if not f.is_named and (how == "none" or (how != "all" and dice.random() < 0.5)):
                continue
            data, sectors = f.cut(dice, how)
            doubtful += sectors
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            write_sparse(path, data)
        return how, doubtful


def empty(directory):
    """Of files; whoever owns the directory still does."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def write_sparse(path, data):
    with open(path, "wb") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(data)


def copy(directory, to):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(directory, to)
    return to


# ------------------------------------------------------------------- a program that promises

def last_number(text, word):
    found = re.findall(rf"^{word} (\d+)$", text, re.M)
    return int(found[-1]) if found else 0


class Proof:
    """lmdb_writer.c under the shim: run it until step `kill_at`, cut, look."""

    def __init__(self, work, mode):
        self.mode = mode
        self.dir, self.copy, self.journal = (os.path.join(work, n) for n in ("disk", "copy", "journal"))
        os.mkdir(self.dir)
        self.control = Control(os.path.join(work, "control"))
        self.control.is_fast = 1
        self.promised = 0

    def live(self, kill_at, count=7000):
        """Returns what the program said."""
        copy(self.dir, self.copy)
        if os.path.exists(self.journal):
            os.unlink(self.journal)
        self.control.steps = 0
        self.control.kill_at = kill_at
        said = subprocess.run([built("lmdb_writer"), self.dir, self.mode, str(count)], timeout=120, check=False,
                              env={**os.environ, **environment(self.dir, self.journal, self.control)},
                              capture_output=True, text=True)
        self.promised = max(self.promised, last_number(said.stdout, "committed"))
        return said

    def cut(self, dice, how=None):
        disk = Disk(self.copy).replay(self.journal)
        disk.see(self.dir)
        return disk.cut(dice, self.dir, how)

    def judge(self):
        """None, or what is wrong with what the disk holds. LMDB may die of a broken file: that is an answer."""
        done = subprocess.run([built("lmdb_writer"), self.dir, "check"], timeout=60, check=False,
                              capture_output=True, text=True)
        if done.returncode:
            return f"exit code {done.returncode}: {(done.stdout + done.stderr).strip()}"
        held = last_number(done.stdout, "holds")
        if held < self.promised:
            return f"{self.promised} was promised, and it holds {held}"
        self.promised = held                              # what has come through by chance is promised from now on
        return None


def main():
    """powerloss.py JOURNAL: what it says, a line each."""
    begin = None
    for kind, name, at, when, data in records(sys.argv[1]):
        begin = begin or when
        print(f"{(when - begin) / 1e6:10.3f} ms  {kind} {name} {at} {len(data)}")


if __name__ == "__main__":
    main()
