// A small ext4 in a file, mounted: it can be filled and lose its power without touching the
// machine's own. Unmounted and removed at the end. Needs root and loop devices: a test that has
// none is skipped.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/types.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

namespace jangada {

class OwnFileSystem {
 public:
  explicit OwnFileSystem(int mib) {
    char name[] = "/tmp/jangada-disk-XXXXXX";
    folder_ = ::mkdtemp(name);
    image_ = folder_ / "image";
    mount_ = folder_ / "mnt";
    std::filesystem::create_directory(mount_);
    made_ = Shell("truncate -s " + std::to_string(mib) + "M " + image_.string()) &&
            Shell("mkfs.ext4 -q -m 0 " + image_.string()) && Mount();
  }
  ~OwnFileSystem() {
    if (mounted_) Unmount();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  OwnFileSystem(const OwnFileSystem&) = delete;
  OwnFileSystem& operator=(const OwnFileSystem&) = delete;

  bool made() const { return made_; }
  const std::filesystem::path& path() const { return mount_; }

  bool Mount() {
    return mounted_ = Shell("mount -o loop " + image_.string() + " " + mount_.string());
  }
  bool Unmount() {
    mounted_ = false;
    return Shell("umount " + mount_.string());
  }

  /// The power goes: nothing that is not on the disk by now will be, and every later call fails.
  void Shutdown() {
    constexpr __u32 kNoFlush = 2;  // EXT4_GOING_FLAGS_NOLOGFLUSH
    const int folder = ::open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(folder, 0);
    EXPECT_EQ(::ioctl(folder, _IOR('X', 125, __u32), &kNoFlush), 0) << std::strerror(errno);
    ::close(folder);
  }

  /// Somebody else takes all room but this much.
  void FillTo(int64_t bytes_left) {
    const int file = ::open(Hog().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ASSERT_GE(file, 0);
    off_t taken = 0;
    // The file system takes a little itself for what it gives.
    for (off_t step = Available() - bytes_left; step >= 4096; step /= 2) {
      while (Available() - bytes_left >= step && ::posix_fallocate(file, taken, step) == 0) {
        taken += step;
      }
    }
    ::close(file);
  }
  void FreeAgain() { std::filesystem::remove(Hog()); }

 private:
  static bool Shell(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }
  std::filesystem::path Hog() const { return mount_ / "hog"; }
  off_t Available() const { return static_cast<off_t>(std::filesystem::space(mount_).available); }

  std::filesystem::path folder_;
  std::filesystem::path image_;
  std::filesystem::path mount_;
  bool made_ = false;
  bool mounted_ = false;
};

#define SKIP_WITHOUT_OWN_FILE_SYSTEM(disk)                                     \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it mounts a file system"; \
  if (!(disk).made()) GTEST_SKIP() << "needs loop devices: none can be mounted here"

}  // namespace jangada
