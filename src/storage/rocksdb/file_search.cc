#include "storage/rocksdb/file_search.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "storage/disk.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kAnchor = sizeof(std::uint64_t);
constexpr std::size_t kReadBytes = 1u << 20;
constexpr std::size_t kLogBlockBytes = 32768;  // RocksDB's log: blocks of this size, each begins with a header
constexpr std::size_t kLogHeaderBytes = 7;
static_assert(kReadBytes % kLogBlockBytes == 0);

std::uint64_t load(const char* at) {
  std::uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::size_t slot(std::uint64_t anchor) { return static_cast<std::size_t>((anchor * 0x9E3779B97F4A7C15u) >> 44); }
constexpr std::size_t kSlots = std::size_t{1} << 20;

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return fd_ >= 0; }
  /// Fills `out` unless the file ends; the count, or -1.
  ssize_t read(char* out, std::size_t size) const {
    std::size_t got = 0;
    while (got < size) {
      const ssize_t n = ::read(fd_, out + got, size - got);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -1;
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(got);
  }

 private:
  int fd_;
};

tl::unexpected<Error> unreadable(const std::string& path) {
  return fail(Code::unavailable, "storage.search", path,
              "the file cannot be read, so it is not known what it holds (" + std::string(std::strerror(errno)) +
                  "); mend that and try again");
}

void drop_headers(Bytes& chunk, std::size_t start) {
  Bytes kept(chunk, 0, start);
  for (std::size_t at = start; at < chunk.size(); at += kLogBlockBytes) {
    const std::size_t body = at + kLogHeaderBytes;
    if (body < chunk.size()) kept.append(chunk, body, kLogBlockBytes - kLogHeaderBytes);
  }
  chunk.swap(kept);
}

}  // namespace

FileSearch::FileSearch(std::vector<Bytes> needles) : needles_(std::move(needles)), maybe_(kSlots) {
  std::erase_if(needles_, [](const Bytes& needle) { return needle.size() < kNeedleBytesMin; });
  for (std::size_t i = 0; i < needles_.size(); ++i) {
    const std::uint64_t ending = load(needles_[i].data() + needles_[i].size() - kAnchor);
    by_ending_.emplace(ending, i);
    maybe_[slot(ending)] = true;
    longest_ = std::max(longest_, needles_[i].size());
  }
}

Result<std::optional<std::string>> FileSearch::first_hit(const std::string& directory) const {
  if (needles_.empty()) return std::optional<std::string>();
  std::error_code failed;
  for (auto it = std::filesystem::recursive_directory_iterator(directory, failed);
       !failed && it != std::filesystem::recursive_directory_iterator(); it.increment(failed)) {
    std::error_code vanished;
    if (!it->is_regular_file(vanished)) continue;
    const std::string path = it->path().string();
    HF_TRY(bool hit, in_file(path, false));
    if (!hit && it->path().extension() == ".log") {
      HF_TRY(hit, in_file(path, true));
    }
    if (hit) return std::optional<std::string>(path);
  }
  if (failed) return unreadable(directory);
  return std::optional<std::string>();
}

Result<bool> FileSearch::in_file(const std::string& path, bool without_headers) const {
  const File file(path);
  if (!file.is_open()) {
    if (errno == ENOENT) return false;
    return unreadable(path);
  }
  Bytes window;
  for (;;) {
    const std::size_t kept = window.size();
    window.resize(kept + kReadBytes);
    const ssize_t got = file.read(window.data() + kept, kReadBytes);
    if (got < 0) return unreadable(path);
    window.resize(kept + static_cast<std::size_t>(got));
    if (without_headers) drop_headers(window, kept);
    if (in_window(window)) return true;
    if (static_cast<std::size_t>(got) < kReadBytes) return false;
    if (window.size() >= longest_) window.erase(0, window.size() - (longest_ - 1));
  }
}

bool FileSearch::in_window(ByteView window) const {
  window = window.substr(0, data_end_of(window) + longest_);  // behind a log's end there may be megabytes of zeros
  for (std::size_t end = kAnchor; end <= window.size(); ++end) {
    const std::uint64_t anchor = load(window.data() + end - kAnchor);
    if (!maybe_[slot(anchor)]) continue;
    const auto [first, last] = by_ending_.equal_range(anchor);
    for (auto it = first; it != last; ++it) {
      const Bytes& needle = needles_[it->second];
      if (end >= needle.size() && window.substr(end - needle.size(), needle.size()) == needle) return true;
    }
  }
  return false;
}

}  // namespace holdfast::storage
