"""A node's disk: a small ext4 in a file, mounted over a loop device, so that it can lose its power (exactly what was
synced survives) and be filled without touching the machine's own. Needs root; gone with `close`.
"""

import fcntl
import os
import pathlib
import struct
import subprocess

# From linux/fs.h: make the file system fail at once, with nothing of its journal written out.
EXT4_IOC_SHUTDOWN = 0x8004587D
WITHOUT_JOURNAL = 2


def run(*words):
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(str(word) for word in words)}: {result.stderr.strip()}")


class Disk:
    def __init__(self, folder, size_bytes=2 << 30):
        self.image = pathlib.Path(folder) / "disk.img"
        self.path = pathlib.Path(folder) / "disk"
        self.path.mkdir(parents=True)
        self.mounted = False
        with open(self.image, "wb") as file:
            file.truncate(size_bytes)
        run("mkfs.ext4", "-q", "-m", "0", self.image)
        self._mount()

    @property
    def data(self):
        """The node's data folder."""
        return self.path / "data"

    def _mount(self):
        run("mount", "-o", "loop", self.image, self.path)
        self.mounted = True

    def lose_power(self):
        """REQUIRES: no process has a file of it open. What was not synced is gone."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
        finally:
            os.close(folder)
        run("umount", self.path)
        self.mounted = False
        self._mount()

    def fill(self):
        """Takes every free block."""
        with open(self.path / "filler", "wb") as file:
            free = os.statvfs(self.path)
            step = free.f_bavail * free.f_frsize
            while step >= free.f_frsize:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, step)
                except OSError:
                    step //= 2

    def drain(self):
        (self.path / "filler").unlink(missing_ok=True)

    def wipe(self):
        run("rm", "-rf", self.data)

    def close(self):
        if self.mounted:
            # Lazily: whoever still has a file open must not keep the lab from cleaning up.
            subprocess.run(["umount", "-l", self.path], capture_output=True)
            self.mounted = False
        self.image.unlink(missing_ok=True)
