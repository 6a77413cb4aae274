#include "storage/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"

namespace jangada::storage {
namespace {

constexpr std::string_view kMagic = "jangada\n";  // so that `file` and people can tell

std::string Reason() { return std::strerror(errno); }

Error CannotUse(const std::string& path, const std::string& reason) {
  return {ErrorCode::kIoError,
          "data_dir " + path + " cannot be used (" + reason +
              "); check its owner and permissions, and that its disk is there"};
}

std::string Encode(const DataFolderMeta& meta) {
  std::string body;
  AppendBig(&body, DataFolderMeta::kFormatVersion);
  AppendBig(&body, meta.node.value());
  body += meta.disk_id.Raw();
  body += meta.cluster_id.Raw();
  AppendSized(&body, meta.founding);
  std::string bytes(kMagic);
  AppendBig(&bytes, Crc32c(body));
  return bytes + body;
}

Result<DataFolderMeta> Decode(const std::string& path, std::string_view bytes) {
  const Error damaged{
      ErrorCode::kDataCorrupt,
      path +
          " is damaged; restore it from a copy, or empty the folder and bring the node "
          "back with `jangada node remove` and `jangada node add`"};
  ByteReader reader(bytes);
  if (reader.Take(kMagic.size()) != kMagic) return damaged;
  const auto crc = reader.Big<uint32_t>();
  if (!reader.ok() || Crc32c(bytes.substr(bytes.size() - reader.remaining())) != crc)
    return damaged;
  const auto version = reader.Big<uint32_t>();
  if (reader.ok() && version != DataFolderMeta::kFormatVersion) {
    return Error{ErrorCode::kFailedPrecondition,
                 path + " has format version " + std::to_string(version) +
                     ", and this program knows only " +
                     std::to_string(DataFolderMeta::kFormatVersion) +
                     "; start a newer jangada-server on it"};
  }
  DataFolderMeta meta;
  meta.node = NodeId(reader.Big<int32_t>());
  const auto disk_id = Uuid::FromRaw(reader.Take(16));
  const auto cluster_id = Uuid::FromRaw(reader.Take(16));
  meta.founding = std::string(reader.Sized());
  if (!reader.AtEnd() || !disk_id || !cluster_id) return damaged;
  meta.disk_id = *disk_id;
  meta.cluster_id = *cluster_id;
  return meta;
}

/// Writes and syncs a new file, then puts it in the old one's place and syncs the folder.
Status ReplaceFile(const std::string& folder, const std::string& name, std::string_view bytes) {
  const std::string path = folder + "/" + name;
  const std::string next = path + ".new";
  const int fd = open(next.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return CannotUse(folder, Reason());
  const bool written =
      write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && fsync(fd) == 0;
  const std::string reason = Reason();
  close(fd);
  if (!written) return CannotUse(folder, "write " + next + ": " + reason);
  if (rename(next.c_str(), path.c_str()) != 0) return CannotUse(folder, Reason());
  const int dir = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return CannotUse(folder, Reason());
  const bool synced = fsync(dir) == 0;
  const std::string sync_reason = Reason();
  close(dir);
  return synced ? Status() : Status(CannotUse(folder, "sync: " + sync_reason));
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::Open(const std::string& path, NodeId node,
                                                     const Uuid& new_disk_id) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return CannotUse(path, error.message());
  const int lock = open((path + "/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock < 0) return CannotUse(path, Reason());
  std::unique_ptr<DataFolder> folder(new DataFolder(path, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kFailedPrecondition,
                 "data_dir " + path +
                     " is in use by another process; stop that one, or give this node a "
                     "folder of its own"};
  }
  TRY(folder->LoadOrMake(node, new_disk_id));
  return folder;
}

DataFolder::~DataFolder() { close(lock_fd_); }

Status DataFolder::LoadOrMake(NodeId node, const Uuid& new_disk_id) {
  const std::string meta_path = path_ + "/meta";
  if (!std::filesystem::exists(meta_path)) {
    if (std::filesystem::exists(log_path())) {
      return Error{ErrorCode::kDataCorrupt,
                   "data_dir " + path_ +
                       " holds a log but no file \"meta\"; restore that file from a copy, "
                       "or empty the folder"};
    }
    return Save({.node = node, .disk_id = new_disk_id, .cluster_id = Uuid(), .founding = ""});
  }
  std::ifstream file(meta_path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) return CannotUse(path_, "read " + meta_path + ": " + Reason());
  TRY_ASSIGN(meta_, Decode(meta_path, bytes.str()));
  if (meta_.node != node) {
    return Error{ErrorCode::kFailedPrecondition,
                 "data_dir " + path_ + " belongs to node " + std::to_string(meta_.node.value()) +
                     ", and this is node " + std::to_string(node.value()) +
                     "; correct node.id or data_dir"};
  }
  return {};
}

Status DataFolder::Save(DataFolderMeta meta) {
  TRY(ReplaceFile(path_, "meta", Encode(meta)));
  meta_ = std::move(meta);
  return {};
}

}  // namespace jangada::storage
