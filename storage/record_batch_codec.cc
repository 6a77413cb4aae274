#include "storage/record_batch_codec.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/coding.h"

namespace jangada::storage {
namespace {

constexpr size_t kChunk = 64 << 10;

/// Kafka's Java client frames snappy in the xerial manner; others send the raw block.
constexpr std::string_view kXerialMagic("\x82SNAPPY\0", 8);
constexpr size_t kXerialHeaderSize = 16;  // magic, version, oldest compatible version

/// A snappy element of two bytes or more gives at most 64 bytes.
constexpr size_t kSnappyMaxRatio = 64;

constexpr int kZstdLevel = 3;
/// Room for what most batches unfold to. Where that is too little, the work begins anew with more,
/// which a large factor makes rare and cheap.
constexpr size_t kZstdUsualRatio = 4;
constexpr size_t kZstdGrowth = 4;

Error Corrupt(const char* codec) {
  return {ErrorCode::kCorruptRecord, std::string("the records of the batch are not valid ") +
                                         codec + " data; send them again"};
}

Error TooLarge(size_t max_bytes) {
  return {ErrorCode::kRecordTooLarge, "the records of the batch decompress to more than " +
                                          std::to_string(max_bytes) +
                                          " bytes; send smaller batches"};
}

/// One turn of a streaming decoder: how much it ate and gave.
struct Turn {
  size_t consumed = 0;
  size_t produced = 0;
  bool failed = false;
  bool frame_ended = false;
};

/// Feeds `in` to `decode(in, out buffer, out size) -> Turn` until it is eaten up and its last frame
/// ended.
template <class Decode>
Result<std::string> DecodeStream(const char* codec, std::string_view in, size_t max_bytes,
                                 Decode decode) {
  std::string out;
  const auto buffer = std::make_unique<char[]>(kChunk);
  bool complete = false;
  while (!in.empty() || !complete) {
    const Turn turn = decode(in, buffer.get(), kChunk);
    if (turn.failed || (turn.consumed == 0 && turn.produced == 0)) return Corrupt(codec);
    if (turn.produced > max_bytes - out.size()) return TooLarge(max_bytes);
    in.remove_prefix(turn.consumed);
    out.append(buffer.get(), turn.produced);
    complete = turn.frame_ended;
  }
  return out;
}

Result<std::string> Gunzip(std::string_view in, size_t max_bytes) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;  // the largest window, gzip's header and trailer
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    return Error{ErrorCode::kInternal, "zlib could not be started; is there memory left?"};
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  return DecodeStream("gzip", in, max_bytes, [&](std::string_view from, char* to, size_t room) {
    const auto offered = static_cast<uInt>(std::min(from.size(), size_t{1} << 30));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
    stream.avail_in = offered;
    stream.next_out = reinterpret_cast<Bytef*>(to);
    stream.avail_out = static_cast<uInt>(room);
    const int code = inflate(&stream, Z_NO_FLUSH);
    Turn turn{offered - stream.avail_in, room - stream.avail_out, false, code == Z_STREAM_END};
    turn.failed = code != Z_OK && code != Z_STREAM_END;
    if (turn.frame_ended) inflateReset(&stream);  // another member may follow
    return turn;
  });
}

Result<std::string> Unlz4(std::string_view in, size_t max_bytes) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION))) {
    return Error{ErrorCode::kInternal, "lz4 could not be started; is there memory left?"};
  }
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      raw, LZ4F_freeDecompressionContext);
  return DecodeStream("lz4", in, max_bytes, [&](std::string_view from, char* to, size_t room) {
    size_t consumed = from.size();
    size_t produced = room;
    const size_t left =
        LZ4F_decompress(context.get(), to, &produced, from.data(), &consumed, nullptr);
    if (LZ4F_isError(left)) return Turn{.failed = true};
    return Turn{consumed, produced, false, left == 0};
  });
}

/// Whole frames at once, into a buffer that grows until they fit: what came out is the window, so
/// that the one which a frame declares (up to 128 MiB and more) is never allocated.
Result<std::string> Unzstd(std::string_view in, size_t max_bytes) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  if (context == nullptr) {
    return Error{ErrorCode::kInternal, "zstd could not be started; is there memory left?"};
  }
  if (in.empty()) return Corrupt("zstd");
  std::string out;
  for (size_t room = std::min(max_bytes, std::max(kChunk, in.size() * kZstdUsualRatio));;) {
    out.resize(room);
    const size_t size = ZSTD_decompressDCtx(context.get(), out.data(), room, in.data(), in.size());
    if (!ZSTD_isError(size)) {
      out.resize(size);
      return out;
    }
    if (ZSTD_getErrorCode(size) != ZSTD_error_dstSize_tooSmall) return Corrupt("zstd");
    if (room == max_bytes) return TooLarge(max_bytes);
    room = std::min(max_bytes, room * kZstdGrowth);
  }
}

/// One raw snappy block. Its declared length is believed only as far as its bytes could reach.
Status UnsnappyBlock(std::string_view in, size_t max_bytes, std::string* out) {
  size_t length = 0;
  if (!snappy::GetUncompressedLength(in.data(), in.size(), &length) ||
      length > in.size() * kSnappyMaxRatio) {
    return Corrupt("snappy");
  }
  if (length > max_bytes - out->size()) return TooLarge(max_bytes);
  const size_t before = out->size();
  out->resize(before + length);
  if (!snappy::RawUncompress(in.data(), in.size(), out->data() + before)) return Corrupt("snappy");
  return {};
}

Result<std::string> Unsnappy(std::string_view in, size_t max_bytes) {
  std::string out;
  if (!in.starts_with(kXerialMagic)) {
    TRY(UnsnappyBlock(in, max_bytes, &out));
    return out;
  }
  while (!in.empty()) {
    if (in.starts_with(kXerialMagic)) {  // at the front, and where two streams were joined
      if (in.size() < kXerialHeaderSize) return Corrupt("snappy");
      in.remove_prefix(kXerialHeaderSize);
      continue;
    }
    ByteReader reader(in);
    const auto length = reader.Big<int32_t>();
    if (!reader.ok() || length <= 0 || static_cast<size_t>(length) > reader.remaining()) {
      return Corrupt("snappy");
    }
    TRY(UnsnappyBlock(reader.Take(static_cast<size_t>(length)), max_bytes, &out));
    in.remove_prefix(sizeof length + static_cast<size_t>(length));
  }
  return out;
}

Error CannotCompress(const char* codec) {
  return {ErrorCode::kInternal, std::string(codec) + " failed to compress; is there memory left?"};
}

Result<std::string> Gzip(std::string_view in) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return CannotCompress("gzip");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, deflateEnd);
  std::string out(deflateBound(&stream, in.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return CannotCompress("gzip");
  out.resize(out.size() - stream.avail_out);
  return out;
}

Result<std::string> Lz4(std::string_view in) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Kafka's Java client reads no other
  std::string out(LZ4F_compressFrameBound(in.size(), &preferences), '\0');
  const size_t size =
      LZ4F_compressFrame(out.data(), out.size(), in.data(), in.size(), &preferences);
  if (LZ4F_isError(size)) return CannotCompress("lz4");
  out.resize(size);
  return out;
}

Result<std::string> Zstd(std::string_view in) {
  std::string out(ZSTD_compressBound(in.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), in.data(), in.size(), kZstdLevel);
  if (ZSTD_isError(size)) return CannotCompress("zstd");
  out.resize(size);
  return out;
}

}  // namespace

Result<std::string> Decompress(Compression compression, std::string_view in, size_t max_bytes) {
  switch (compression) {
    case Compression::kNone:
      if (in.size() > max_bytes) return TooLarge(max_bytes);
      return std::string(in);
    case Compression::kGzip: return Gunzip(in, max_bytes);
    case Compression::kSnappy: return Unsnappy(in, max_bytes);
    case Compression::kLz4: return Unlz4(in, max_bytes);
    case Compression::kZstd: return Unzstd(in, max_bytes);
  }
  CheckFailed(__FILE__, __LINE__, "unknown compression");
}

Result<std::string> Compress(Compression compression, std::string_view in) {
  switch (compression) {
    case Compression::kNone: return std::string(in);
    case Compression::kGzip: return Gzip(in);
    case Compression::kLz4: return Lz4(in);
    case Compression::kZstd: return Zstd(in);
    case Compression::kSnappy: break;
  }
  return Error{ErrorCode::kInvalidArgument,
               "batches can't be written with snappy; choose none, gzip, lz4 or zstd"};
}

}  // namespace jangada::storage
